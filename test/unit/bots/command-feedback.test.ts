import { expect, test } from "vitest";
import { ADMIN, openCommandWorld } from "./command-world.ts";

test("/rate scores the last reply, with a comment", async () => {
  const { say, askHere, store } = await openCommandWorld();
  await askHere("Where is my refund?");
  const last = await askHere("And my order?");

  expect((await say("/rate 5 just right")).text).toBe("Scored 5. Thank you!");

  expect(await store.chat.listFeedback(last.id)).toMatchObject([
    { userId: "ana", score: 5, comment: "just right", source: "command" },
  ]);
});

test("/rate takes the caller's own last reply before another's, and the message it was called on before both", async () => {
  const { say, askHere, store } = await openCommandWorld();
  const first = await askHere("Where is my refund?");
  const own = await askHere("And my order?");
  const other = await askHere("And mine?", { userId: "ben" });

  await say("/rate 4");
  await say("/rate 1", { messageId: `${first.id}.0` });
  await say("/rate 2", { userId: "cid" });

  expect(await store.chat.listFeedback(own.id)).toMatchObject([{ score: 4 }]);
  expect(await store.chat.listFeedback(first.id)).toMatchObject([{ score: 1 }]);
  expect(await store.chat.listFeedback(other.id)).toMatchObject([{ score: 2, userId: "cid" }]);
});

test("/rate on Slack finds the last reply to the caller in whichever thread, since Slack takes no commands there", async () => {
  const { say, askHere, store } = await openCommandWorld();
  const slack = { platform: "slack", workspaceId: "slack:T1" } as const;
  const own = await askHere("Where is my refund?", { ...slack, threadId: "100.1" });
  const other = await askHere("And mine?", { ...slack, threadId: "100.2", userId: "ben" });
  await askHere("And elsewhere?", { ...slack, threadId: "100.3", channelId: "c2" });

  await say("/rate 4", slack);
  await say("/rate 2", { ...slack, userId: "cid" });

  expect(await store.chat.listFeedback(own.id)).toMatchObject([{ score: 4 }]);
  expect(await store.chat.listFeedback(other.id)).toMatchObject([{ score: 2, userId: "cid" }]);
});

test("/rate advises to teach when the score is low", async () => {
  const { say, askHere } = await openCommandWorld();
  await askHere("Where is my refund?");

  expect((await say("/rate 2")).text).toContain("`/teach <answer…>`");
});

test("/rate finds the last reply when its conversation was closed", async () => {
  const { say, askHere } = await openCommandWorld();
  await askHere("Where is my refund?");
  await say("/new");

  expect((await say("/rate 5")).text).toContain("Scored 5.");
});

test("/rate asks by a form when no score is given, and takes what comes back", async () => {
  const { say, askHere, store, runner, callOf } = await openCommandWorld();
  const turn = await askHere("Where is my refund?");
  const messageId = `${turn.id}.0`;

  expect((await say("/rate", { messageId })).form?.fields.map(({ name }) => name)).toEqual(["score", "comment"]);
  const wrong = await runner.run(callOf("rate", { messageId, isForm: true, options: new Map([["score", "9"]]) }));
  await runner.run(callOf("rate", { messageId, isForm: true, options: new Map([["score", "3"]]) }));

  expect(wrong.text).toContain("a whole number from 1 to 5");
  expect(await store.chat.listFeedback(turn.id)).toMatchObject([{ score: 3 }]);
});

test.each(["/rate 5", "/teach Better", "/report Wrong", "/why", "/regenerate", "/agree"])(
  "%s reaches no message of another channel or workspace",
  async (line) => {
    const { say, askHere, store } = await openCommandWorld();
    const elsewhere = await askHere("Where is my refund?", { channelId: "secret", visibility: "private" });
    const abroad = await askHere("Where is my refund?", { workspaceId: "discord:2" });

    for (const turn of [elsewhere, abroad]) {
      expect((await say(line, { messageId: `${turn.id}.0` })).text).toBe(
        "That message is no reply of mine, or it is gone.",
      );
      expect(await store.chat.listFeedback(turn.id)).toEqual([]);
    }
    expect((await say(line)).text).toContain("I have answered nothing here yet");
    expect(await store.moderation.listReports({ workspaceId: "discord:1", limit: 9 })).toEqual([]);
  },
);

test("/rate says that an erased reply is gone", async () => {
  const { say, askHere, store } = await openCommandWorld();
  const turn = await askHere("Where is my refund?");
  await store.privacy.eraseTurn(turn.id);

  expect((await say("/rate 5", { messageId: `${turn.id}.0` })).text).toContain("it is gone");
});

test("/teach offers a form with the reply in it, and stores the better answer", async () => {
  const { say, askHere, store } = await openCommandWorld();
  const turn = await askHere("Where is my refund?");

  expect((await say("/teach")).form?.fields).toMatchObject([
    { name: "answer", isLong: true, value: "You said: Where is my refund?" },
  ]);
  await say("/teach It comes in five days.");

  expect(await store.chat.listFeedback(turn.id)).toMatchObject([
    { correction: "It comes in five days.", endorsedBy: [] },
  ]);
});

test("/teach says what becomes of it: learning off, opted out, waiting for a second person, an admin's word", async () => {
  const { say, askHere, store, clock } = await openCommandWorld();
  const turn = await askHere("Where is my refund?");
  const teach = async (given = {}) => (await say("/teach It comes in five days.", given)).text;

  expect(await teach()).toContain("Learning is off in this workspace");
  await store.people.putPermission({
    workspaceId: "discord:1",
    level: "adapters",
    grantedBy: "boss",
    wordingVersion: 1,
    changedAtMs: clock.nowMs,
  });
  expect(await teach()).toContain("as soon as somebody else agrees");
  expect(await teach(ADMIN)).toBe("Learned. Thank you!");
  await store.people.putChoice({ workspaceId: "discord:1", userId: "ana", learns: false, changedAtMs: clock.nowMs });
  expect(await teach()).toContain("You opted out");

  const taught = await store.chat.listFeedback(turn.id);
  expect(taught.map(({ userId, endorsedBy }) => [userId, endorsedBy.length]).toSorted()).toEqual([
    ["ana", 0],
    ["boss", 1],
  ]);
});

test("/report stores the report and tells the admins once, without the words of the reply", async () => {
  const { say, askHere, store, told } = await openCommandWorld();
  const turn = await askHere("Where is my refund?");

  await say("/report It is rude");
  expect((await say("/report It is very rude")).text).toContain("Thank you");

  expect(told).toMatchObject([{ workspaceId: "discord:1", text: expect.stringContaining("It is rude") }]);
  expect(told[0]?.text).not.toContain("refund");
  expect(await store.moderation.listReports({ workspaceId: "discord:1", limit: 9 })).toMatchObject([
    { turnId: turn.id, reportedBy: "ana", reason: "It is very rude", channelId: "c1" },
  ]);
});

test("/report asks for the reason by a form that may be left empty", async () => {
  const { say, askHere, store, runner, callOf } = await openCommandWorld();
  await askHere("Where is my refund?");

  expect((await say("/report")).form?.fields).toMatchObject([{ name: "reason", isRequired: false }]);
  await runner.run(callOf("report", { isForm: true }));

  expect(await store.moderation.listReports({ workspaceId: "discord:1", limit: 9 })).toHaveLength(1);
});

test("/report stands when the admins cannot be told", async () => {
  const { askHere, store, commandParts, callOf, lines } = await openCommandWorld();
  const { reportCommand } = await import("#bots/command-feedback.ts");
  await askHere("Where is my refund?");
  const parts = {
    ...commandParts,
    async tellAdmins() {
      throw new Error("no such channel");
    },
  };

  await reportCommand(parts).run(callOf("report", { options: new Map([["reason", "Wrong"]]) }));

  expect(await store.moderation.listReports({ workspaceId: "discord:1", limit: 9 })).toHaveLength(1);
  expect(lines).toContainEqual(expect.objectContaining({ event: "admins.not-told" }));
});
