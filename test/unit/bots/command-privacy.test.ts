import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { privacyCommand } from "#bots/command-privacy.ts";
import { openCommandWorld, PLACE } from "./command-world.ts";

test("/privacy shows what is kept about the caller here", async () => {
  const { say, askHere } = await openCommandWorld();
  await askHere("Where is my refund?");
  await askHere("Mine?", { userId: "ben" });
  await askHere("Elsewhere?", { workspaceId: "discord:2" });

  expect((await say("/privacy")).text).toContain("- 1 question with the answers");
});

test("/privacy opt-out and opt-in record the caller's word", async () => {
  const { say, store } = await openCommandWorld();

  await say("/privacy opt-out");
  expect(await store.people.listOptedOut("discord:1")).toEqual(["ana"]);
  await say("/privacy opt-in");
  expect(await store.people.listOptedOut("discord:1")).toEqual([]);
});

test("/privacy export gives a file of the caller's words and nobody else's", async () => {
  const { say, askHere } = await openCommandWorld();
  await askHere("Where is my refund?");
  await askHere("Something of mine?", { userId: "ben" });

  const { file } = await say("/privacy export");

  expect(file).toMatchObject({
    mediaType: "application/json",
    name: expect.stringMatching(/^reactune-my-data-.+\.json$/u),
  });
  const text = new TextDecoder().decode(file?.contents);
  expect(text).toContain("Where is my refund?");
  expect(text).not.toContain("Something of mine?");
});

test("/privacy export packs a file that Discord would refuse", async () => {
  const { commandParts, callOf } = await openCommandWorld();
  const json = JSON.stringify(Array.from({ length: 300_000 }, (_, at) => `Where is my refund ${at}?`));
  const privacy = { ...commandParts.privacy, exportData: async () => json };
  const options = new Map([["action", "export"]]);

  const { file } = await privacyCommand({ ...commandParts, privacy }).run(callOf("privacy", { options }));

  expect(json.length).toBeGreaterThan(8 * 1024 * 1024);
  expect(file?.name).toMatch(/\.json\.gz$/u);
  expect(file?.contents.length).toBeLessThan(8 * 1024 * 1024);
  expect(gunzipSync(file?.contents ?? new Uint8Array()).toString() === json).toBe(true);
});

test("/privacy forget erases only after it was confirmed", async () => {
  const { say, askHere, confirm, store } = await openCommandWorld();
  const turn = await askHere("Where is my refund?");

  const asked = await say("/privacy forget");
  expect(asked.text).toContain("It cannot be undone");
  expect((await store.chat.findTurn(turn.id))?.status).toBe("complete");
  await confirm("privacy", asked, new Map([["action", "forget"]]));

  expect(await store.chat.findTurn(turn.id)).toMatchObject({ status: "deleted", question: "", reply: "" });
});

test("/privacy forget works as text too, for the caller alone", async () => {
  const { say, askHere, store } = await openCommandWorld();
  const mine = await askHere("Where is my refund?");
  const other = await askHere("Something else?", { ...PLACE, userId: "ben", channelId: "c2" });

  await say("/privacy forget yes");

  expect((await store.chat.findTurn(mine.id))?.status).toBe("deleted");
  expect((await store.chat.findTurn(other.id))?.status).toBe("complete");
});
