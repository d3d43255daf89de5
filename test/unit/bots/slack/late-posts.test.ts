import { expect, test, vi } from "vitest";
import type { ReplyPart } from "#bots/platform-connector.ts";
import { latePosts } from "#bots/slack/late-posts.ts";
import { type CallKind, SlackBusyError } from "#bots/slack/slack-calls.ts";
import type { SlackWorkspace } from "#bots/slack/slack-workspaces.ts";
import { warningsDuring } from "../../../fixtures/bots/warnings.ts";
import { openSlack, replyPart, type SlackWorldOptions } from "../../../fixtures/slack/open-slack.ts";
import type { Delay } from "../../../fixtures/slack/slack-double.ts";
import { recordingLog } from "../chat-world.ts";

/** After this long a call is given up; all looks for it are over a third later, and those for doubles eight times later. */
const TIMEOUT_MS = 250;
const GIVEN_UP: Delay = { answerMs: 2 * TIMEOUT_MS };
const TOO_LATE: Delay = { beforeMs: 3 * TIMEOUT_MS };

/** A Slack that is late where a test says so, and a question in a thread of its own. */
async function openLateSlack(given: SlackWorldOptions = {}) {
  const world = await openSlack({ callTimeoutMs: TIMEOUT_MS, ...given });
  const { slack } = world;
  const channel = slack.state.channels.get("C1");
  if (channel === undefined) throw new Error("no channel");
  const root = slack.state.add(channel, { user: "UANA", text: "?", blocks: [] });
  const growing = (text: string, given: Partial<ReplyPart> = {}) =>
    replyPart({ threadId: root.ts, inReplyTo: root.ts, text, isFinal: false, ...given });
  return {
    ...world,
    channel,
    growing,
    whole: (text: string, given: Partial<ReplyPart> = {}) => growing(text, { isFinal: true, ...given }),
    shown: () =>
      channel.messages
        .filter(({ user }) => user === "UBOT")
        .map(({ ts, text, streaming_state }) => ({ ts, text, isGrowing: streaming_state === "in_progress" })),
    carriedOut: (method: string) => slack.callsOf(method).filter(({ outcome }) => outcome === "ok").length,
  };
}

test("post() leaves one message when Slack carries out the first try after the second", async () => {
  const { slack, connector, whole, shown, carriedOut } = await openLateSlack();
  slack.delayNext("chat.postMessage", TOO_LATE);

  const { messageId } = await connector.post(whole("All of it"));

  expect(shown()).toEqual([{ ts: messageId, text: "All of it", isGrowing: false }]);
  await vi.waitFor(() => expect(carriedOut("chat.postMessage")).toBe(2), { timeout: 3000 });
  await vi.waitFor(() => expect(carriedOut("chat.delete")).toBe(1), { timeout: 3000 });
  expect(shown()).toEqual([{ ts: messageId, text: "All of it", isGrowing: false }]);
});

test("edit() with the final text deletes a stream that was begun after it had been begun again", async () => {
  const { slack, connector, growing, whole, shown, carriedOut } = await openLateSlack();
  slack.delayNext("chat.startStream", TOO_LATE);

  const posted = await connector.post(growing("Early"));
  await vi.waitFor(() => expect(carriedOut("chat.startStream")).toBe(2), { timeout: 3000 });
  expect(shown()).toHaveLength(2);
  await connector.edit(posted, growing("Early words"));
  await connector.edit(posted, whole("Early words, and late ones"));

  expect(shown()).toEqual([{ ts: posted.messageId, text: "Early words, and late ones", isGrowing: false }]);
});

test.each([
  ["chat.startStream", { beforeMs: TIMEOUT_MS + 20 }],
  ["chat.startStream", GIVEN_UP],
  ["chat.startStream", { bodyMs: 2 * TIMEOUT_MS }],
  ["chat.postMessage", { beforeMs: TIMEOUT_MS + 20 }],
  ["chat.postMessage", GIVEN_UP],
  ["chat.postMessage", { bodyMs: 2 * TIMEOUT_MS }],
] as const)("post() sends nothing again when %s is late by %o and found", async (method, delay) => {
  const { slack, connector, growing, whole, shown } = await openLateSlack();
  slack.delayNext(method, delay);

  const posted = await connector.post(method === "chat.startStream" ? growing("One") : whole("One"));
  await connector.edit(posted, whole("One two"));

  expect(slack.callsOf(method)).toHaveLength(1);
  expect(shown()).toEqual([{ ts: posted.messageId, text: "One two", isGrowing: false }]);
});

test.each([
  ["chat.appendStream", GIVEN_UP],
  ["chat.appendStream", { bodyMs: 2 * TIMEOUT_MS }],
  ["chat.appendStream", TOO_LATE],
  ["chat.stopStream", GIVEN_UP],
  ["chat.stopStream", { bodyMs: 2 * TIMEOUT_MS }],
  ["chat.stopStream", TOO_LATE],
] as const)("edit() doubles no text when %s is late by %o", async (method, delay) => {
  const { slack, connector, growing, whole, shown } = await openLateSlack();
  const posted = await connector.post(growing("One"));
  slack.delayNext(method, delay);

  await connector.edit(posted, growing("One two")).catch(() => {});
  await connector.edit(posted, growing("One two three")).catch(() => {});
  await connector.edit(posted, whole("One two three four"));

  await vi.waitFor(() => expect(slack.callsOf(method).length).toBeGreaterThan(0), { timeout: 3000 });
  await new Promise((resolve) => setTimeout(resolve, 3 * TIMEOUT_MS));
  expect(shown()).toEqual([{ ts: posted.messageId, text: "One two three four", isGrowing: false }]);
});

test("edit() with the final text deletes what a process that is gone posted twice", async () => {
  const { slack, connector, whole, shown, channel } = await openLateSlack();
  const first = await connector.post(whole("One"));
  const { ts: _ts, ...sent } = slack.state.find("C1", first.messageId) ?? {};
  slack.state.add(channel, { user: "UBOT", text: "", blocks: [], ...sent });
  expect(shown()).toHaveLength(2);

  const found = await connector.reconcile(whole("One"));
  if (found === undefined) throw new Error("nothing found");
  await connector.edit(found, whole("One two"));

  expect(shown()).toEqual([{ ts: found.messageId, text: "One two", isGrowing: false }]);
});

test("what another reply streams in the same thread is no double", async () => {
  const { slack, connector, growing, whole, shown, carriedOut } = await openLateSlack();
  const { messageId: otherId } = await connector.post(growing("Another", { turnId: "turn-2" }));
  slack.delayNext("chat.startStream", TOO_LATE);

  const posted = await connector.post(growing("One"));
  await vi.waitFor(() => expect(carriedOut("chat.startStream")).toBe(3), { timeout: 3000 });
  await connector.edit(posted, whole("One two"));

  expect(shown()).toEqual([
    { ts: otherId, text: "Another", isGrowing: true },
    { ts: posted.messageId, text: "One two", isGrowing: false },
  ]);
});

test.each([
  ["the final text", []],
  ["what was written after the final text", ["Hidden by a moderator"]],
] as const)("%s stands again when Slack carries out an earlier edit after it", async (_what, changes) => {
  const world = await openLateSlack({ streaming: "edits", now: quickClock() });
  const { slack, connector, growing, whole, shown, carriedOut } = world;
  const posted = await connector.post(growing("One"));
  // After the timeout and the pause before the next try.
  slack.delayNext("chat.update", { beforeMs: TIMEOUT_MS + 350 });

  await connector.edit(posted, growing("One two"));
  for (const text of ["One two three", ...changes]) await connector.edit(posted, whole(text));

  const sent = 3 + changes.length;
  await vi.waitFor(() => expect(carriedOut("chat.update")).toBeGreaterThan(sent), { timeout: 3000 });
  expect(slack.callsOf("chat.update").map(({ args }) => args.get("text"))).toContain("One two");
  expect(shown()).toEqual([{ ts: posted.messageId, text: changes[0] ?? "One two three", isGrowing: false }]);
});

/** Two seconds pass between two looks, so that no edit comes too soon. */
function quickClock(): () => number {
  let atMs = Date.now();
  return () => {
    atMs += 2000;
    return atMs;
  };
}

test("settle() warns of no leak when many parts wait to be written again", async () => {
  const stopping = new AbortController();
  const parts = Array.from({ length: 20 }, (_, part) => replyPart({ part }));
  const late = latePosts({
    callTimeoutMs: 60_000,
    isFree: () => true,
    remove: async () => {},
    signal: stopping.signal,
    log: recordingLog().log,
  });
  const workspace = {} as SlackWorkspace; // nothing was posted twice, so nobody looks

  const warned = await warningsDuring(async () => {
    for (const part of parts) {
      late.noteStale(part);
      await late.settle(part, "1.000001", workspace, async () => {});
    }
  });
  stopping.abort();

  expect(warned).toEqual([]);
});

test("settle() leaves its first look out when Slack asks to wait, and waits for the later ones", async () => {
  const urgencies: string[] = [];
  const run = async ({ method, urgency }: CallKind) => {
    urgencies.push(urgency);
    throw new SlackBusyError(method);
  };
  const { log, lines } = recordingLog();
  const stopping = new AbortController();
  const late = latePosts({
    callTimeoutMs: 6,
    isFree: () => true,
    remove: async () => {},
    signal: stopping.signal,
    log,
  });
  const workspace = { calls: { run } } as unknown as SlackWorkspace; // looks are all that is asked of it
  const part = replyPart();

  late.noteLost(part, false);
  late.notePosted(part);
  await late.settle(part, "1.000001", workspace, async () => {});
  await vi.waitFor(() => expect(urgencies).toHaveLength(4));
  stopping.abort();

  expect(urgencies).toEqual(["can-skip", "must", "must", "must"]);
  expect(lines).toEqual([]);
});
