import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openSlack, replyPart, WORKSPACE } from "../../../fixtures/slack/open-slack.ts";

/** Longer than one call is repeated for. */
const IN_VAIN_MS = 4000;

/** A world in which things happened that nobody was told. */
async function openAway(options: Parameters<typeof openSlack>[0] = {}) {
  const world = await openSlack(options);
  const { state } = world.slack;
  const write = (channelId: string, text: string, given = {}) => {
    const channel = state.channels.get(channelId);
    if (channel === undefined) throw new Error(`no channel ${channelId}`);
    return state.add(channel, { user: "UANA", text, blocks: [], ...given });
  };
  return {
    ...world,
    write,
    wrote: () => world.of("acceptMessage").map(([, message]) => (message as { text: string }).text),
  };
}

test("catchUp() hands in what was written while the process was away, oldest first, in channels, threads and direct messages", async () => {
  const { connector, write, wrote } = await openAway();
  const sinceMs = Date.now() - 1000;
  const root = write("C1", "<@UBOT> before", { ts: `${(sinceMs - 60_000) / 1000}` });
  write("C1", "<@UBOT> first");
  write("C1", "<@UBOT> second");
  write("C1", "in the thread", { thread_ts: root.ts });
  write("G1", "<@UBOT> secret");
  write("DANA", "direct");
  write("C1", "of a bot", { user: "UOTHERBOT", bot_id: "BX" });

  await connector.catchUp({
    sinceMs,
    replies: [{ workspaceId: WORKSPACE, channelId: "C1", threadId: root.ts, messageId: "1.1" }],
  });

  expect(wrote().filter((text) => text.length > 0)).toEqual(["first", "second", "in the thread", "secret", "direct"]);
});

test("catchUp() gives a message the same event id as its delivery", async () => {
  const { connector, slack, of } = await openAway();
  const { ts } = await slack.say("C1", "UANA", "<@UBOT> hi");

  await connector.catchUp({ sinceMs: Date.now() - 5000, replies: [] });

  expect(of("acceptMessage").map(([eventId]) => eventId)).toEqual([`slack:T1:C1:${ts}`, `slack:T1:C1:${ts}`]);
});

test("catchUp() reads the reactions of recent replies as they are now, those of people only", async () => {
  const { connector, slack, of } = await openAway();
  const { messageId } = await connector.post(replyPart());
  const reply = { workspaceId: WORKSPACE, channelId: "C1", messageId };
  await connector.offerEmoji(reply, ["heart_eyes"]);
  slack.state.find("C1", messageId)?.reactions[0]?.users.push("UANA", "UOTHERBOT");

  await connector.catchUp({ sinceMs: Date.now(), replies: [reply, { ...reply, messageId: "9.9" }] });

  expect(of("acceptReactions")).toMatchObject([[{ ...reply, reactions: [{ userId: "UANA", emoji: "heart_eyes" }] }]]);
});

test("catchUp() reads the reactions of a reply again when a call was in vain", async () => {
  const double = { faultRatio: 0, seed: 3 };
  const { connector, slack, of } = await openAway({ double });
  const { messageId } = await connector.post(replyPart());
  const reply = { workspaceId: WORKSPACE, channelId: "C1", messageId };
  await connector.offerEmoji(reply, ["heart_eyes"]);
  slack.state.find("C1", messageId)?.reactions[0]?.users.push("UANA");

  double.faultRatio = 1;
  const caughtUp = connector.catchUp({ replies: [reply] });
  await sleep(IN_VAIN_MS);
  double.faultRatio = 0;
  await caughtUp;

  expect(of("acceptReactions")).toMatchObject([[{ ...reply, reactions: [{ userId: "UANA", emoji: "heart_eyes" }] }]]);
});

test("catchUp() after the first start ever reads nothing back", async () => {
  const { connector, write, wrote, slack } = await openAway();
  write("C1", "<@UBOT> long ago");

  await connector.catchUp({ replies: [] });

  expect(wrote()).toEqual([]);
  expect(slack.callsOf("conversations.history")).toEqual([]);
});

test("catchUp() goes on with the next channel when one cannot be read", async () => {
  const { connector, write, wrote, slack, logged } = await openAway({
    intake: {
      wants: ({ channelId }) => {
        if (channelId === "C1") throw new Error("broken");
        return true;
      },
    },
  });
  write("C1", "<@UBOT> one");
  write("G1", "<@UBOT> two");

  await connector.catchUp({ sinceMs: Date.now() - 5000, replies: [] });

  expect(wrote()).toEqual(["two"]);
  expect(logged.map(({ event }) => event)).toContain("slack.catch-up-skipped");
  expect(slack.callsOf("conversations.history").length).toBeGreaterThan(1);
});

test("catchUp() reads long histories page by page, and waits where Slack asks for it", async () => {
  const { connector, write, wrote, slack } = await openAway({ double: { faultRatio: 0.1, seed: 3 } });
  for (let index = 0; index < 450; index++) write("C1", `<@UBOT> ${index}`);

  await connector.catchUp({ sinceMs: Date.now() - 60_000, replies: [] });

  expect(wrote()).toEqual(Array.from({ length: 450 }, (_, index) => String(index)));
  expect(slack.callsOf("conversations.history").length).toBeGreaterThan(2);
});
