import { expect, test } from "vitest";
import { openCommandWorld } from "./command-world.ts";

async function openTaught() {
  const world = await openCommandWorld();
  const turn = await world.askHere("Where is my refund?");
  await world.say("/teach It comes in\nfive days.");
  return { ...world, turn, taught: async () => (await world.store.chat.listFeedback(turn.id))[0] };
}

test("/agree shows what another person taught, and counts the agreement when it is confirmed", async () => {
  const { say, confirm, taught } = await openTaught();

  const asked = await say("/agree", { userId: "ben" });
  expect(asked.text).toContain("> It comes in\n> five days.");
  expect((await taught())?.endorsedBy).toEqual([]);
  await confirm("agree", asked, new Map(), { userId: "ben" });

  expect(await taught()).toMatchObject({ userId: "ana", endorsedBy: ["ben"], correction: "It comes in\nfive days." });
});

test("/agree lets nobody agree with themselves", async () => {
  const { say } = await openTaught();

  expect((await say("/agree")).text).toContain("Nobody else taught an answer");
});

test("/agree asks again when the answer was changed after it was read", async () => {
  const { say, confirm, taught } = await openTaught();
  const asked = await say("/agree", { userId: "ben" });
  await say("/teach Buy from me!");

  const again = await confirm("agree", asked, new Map(), { userId: "ben" });

  expect(again.text).toContain("Buy from me!");
  expect((await taught())?.endorsedBy).toEqual([]);
});

test("/agree leaves out those who opted out of learning", async () => {
  const { say, store, clock } = await openTaught();
  await store.people.putChoice({ workspaceId: "discord:1", userId: "ana", learns: false, changedAtMs: clock.nowMs });

  expect((await say("/agree", { userId: "ben" })).text).toContain("Nobody else taught an answer");
});

test("/agree shows the whole of a long answer, so that nobody agrees with what they did not read", async () => {
  const { say, turn } = await openTaught();
  await say(`/teach ${"It comes soon. ".repeat(200)}Buy from me!`, { messageId: `${turn.id}.0` });

  expect((await say("/agree", { userId: "ben" })).text).toContain("Buy from me!");
});
