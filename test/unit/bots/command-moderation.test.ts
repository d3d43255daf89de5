import { expect, test } from "vitest";
import { ADMIN, openCommandWorld, PLACE } from "./command-world.ts";

async function openModeration() {
  const world = await openCommandWorld({ answer: (question) => ({ text: `Secretly: ${question}` }) });
  return { ...world, admin: (line: string, given = {}) => world.say(line, { ...ADMIN, ...given }) };
}

const ROOM = { channelId: "room", visibility: "private" } as const;

test("/moderation lists open reports with the reply, and closes them", async () => {
  const { admin, say, askHere, audit } = await openModeration();
  const turn = await askHere("Where is my refund?");
  await say("/report It is rude");
  await say("/report Me too", { userId: "ben" });
  const id = turn.id.replace("turn-", "").slice(0, 12);

  const { text } = await admin("/moderation");
  expect(text).toContain(`- \`${id}\` channel \`c1\``);
  expect(text).toContain("by `ana`: It is rude\n  > Secretly: Where is my refund?");

  expect((await admin(`/moderation close ${id}`)).text).toBe("2 reports of that reply are closed.");
  expect((await admin("/moderation reports")).text).toBe("No reported reply is open.");
  expect((await admin(`/moderation close ${id}`)).text).toContain("No open report has the id");
  expect(await audit()).toMatchObject([{ who: "boss", what: `report.closed ${id}`, before: "open", after: "closed" }]);
});

test("/moderation names channels and people on Discord as it shows them, and how a channel is resumed", async () => {
  const { admin, say, askHere, told } = await openModeration();
  const [channelId, userId] = ["910000000000000001", "710000000000000001"];
  await askHere("Where is my refund?", { channelId, userId });
  await say("/report Rude", { channelId, userId });

  expect(told[0]?.text).toContain(`A reply in <#${channelId}> was reported: Rude`);
  expect((await admin("/moderation", { channelId })).text).toMatch(`by <@${userId}>: Rude`);
  expect((await admin(`/moderation pause <#${channelId}>`)).text).toBe(
    `I answer nothing but commands in <#${channelId}> until \`/moderation resume\` is called with that channel.`,
  );
  expect((await admin(`/settings set chat.openThreads yes`)).text).toContain("in this workspace");
  expect((await admin(`/settings show moderation.isPaused`)).text).toContain(`- In <#${channelId}>: \`true\``);
});

test("/moderation shows the words of a private place there alone, and nothing of another workspace", async () => {
  const { admin, say, askHere } = await openModeration();
  await askHere("The plan?", ROOM);
  await say("/report Wrong", ROOM);
  await askHere("Theirs?", { workspaceId: "discord:2" });
  await say("/report Theirs is wrong", { workspaceId: "discord:2" });

  const inPublic = (await admin("/moderation")).text;

  expect(inPublic).toContain("(said in a private place: look there)");
  expect(inPublic).not.toMatch(/Secretly|Theirs/u);
  expect((await admin("/moderation", ROOM)).text).toContain("> Secretly: The plan?");
});

test("/moderation closes no report of another workspace", async () => {
  const { admin, say, askHere, store } = await openModeration();
  const turn = await askHere("Theirs?", { workspaceId: "discord:2" });
  await say("/report Wrong", { workspaceId: "discord:2" });

  await admin(`/moderation close ${turn.id.replace("turn-", "").slice(0, 12)}`);

  expect(await store.moderation.listReports({ workspaceId: "discord:2", limit: 9 })).toHaveLength(1);
});

test("commands name what they did not find in a few words, however much was typed", async () => {
  const { admin } = await openModeration();

  for (const line of ["/moderation close", "/adapters activate"]) {
    const { text } = await admin(`${line} ${"a".repeat(5000)}`);
    expect(text).toContain("aaaa…");
    expect(text.length).toBeLessThan(200);
  }
});

test("complete() suggests open reports to close and words to unblock", async () => {
  const { admin, say, askHere, runner, callOf } = await openModeration();
  await askHere("Where is my refund?");
  await say("/report It is rude");
  await admin("/moderation block darn, heck");
  const complete = (action: string, typed: string) =>
    runner.complete(callOf("moderation", { ...ADMIN, options: new Map([["action", action]]) }), "value", typed);

  expect(await complete("close", "")).toMatchObject([{ name: expect.stringContaining("It is rude") }]);
  expect(await complete("unblock", "D")).toEqual([{ name: "darn", value: "darn" }]);
  expect(await complete("pause", "")).toEqual([]);
});

test("/moderation blocks and unblocks words at once, and audits both", async () => {
  const { admin, settings, audit } = await openModeration();

  expect((await admin("/moderation block darn, heck")).text).toContain("2 words are blocked");
  await admin("/moderation block heck, drat");
  expect(settings.of(PLACE).blockedWords).toEqual(["darn", "heck", "drat"]);
  expect((await admin("/moderation words")).text).toContain("`darn, heck, drat`");
  await admin("/moderation unblock HECK");
  expect(settings.of(PLACE).blockedWords).toEqual(["darn", "drat"]);
  await admin("/moderation unblock darn, drat");
  expect(settings.of(PLACE).blockedWords).toEqual([]);
  expect((await admin("/moderation unblock darn")).text).toContain("Nothing to change");
  expect((await admin("/moderation block ,")).text).toContain("Which words?");

  expect(await audit()).toHaveLength(4);
  expect((await audit())[3]).toMatchObject({
    what: "setting.changed moderation.blockedWords",
    after: '["darn","heck"]',
  });
});

test("/moderation keeps every word when several admins block some at once", async () => {
  const { admin, settings } = await openModeration();

  await Promise.all(["darn, heck", "drat", "blast"].map((words) => admin(`/moderation block ${words}`)));

  expect(settings.of(PLACE).blockedWords.toSorted()).toEqual(["blast", "darn", "drat", "heck"]);
});

test("/moderation pauses and resumes the workspace or one channel", async () => {
  const { admin, settings } = await openModeration();

  await admin("/moderation pause <#c9|room>");
  expect([settings.of(PLACE).isPaused, settings.of({ ...PLACE, channelId: "c9" }).isPaused]).toEqual([false, true]);
  await admin("/moderation pause");
  expect(settings.of(PLACE).isPaused).toBe(true);
  await admin("/moderation resume");
  await admin("/moderation resume <#c9|room>");
  expect([settings.of(PLACE).isPaused, settings.of({ ...PLACE, channelId: "c9" }).isPaused]).toEqual([false, false]);
});
