import { expect, test } from "vitest";
import type { ReplyPart } from "#bots/platform-connector.ts";
import { seededRandom } from "#core/random.ts";
import { memoryLive } from "../../../fixtures/fleet/memory-live.ts";
import { memoryWindows } from "../../../fixtures/fleet/memory-windows.ts";
import {
  openSlack,
  replyPart,
  type SlackWorld,
  type SlackWorldOptions,
  WORKSPACE,
} from "../../../fixtures/slack/open-slack.ts";

/** A world with a question in a thread of its own, and the parts of a reply to it. */
async function openThread(options: SlackWorldOptions = {}) {
  const world = await openSlack(options);
  const root = world.slack.state.add(channelOf(world), { user: "UANA", text: "?", blocks: [] });
  const growing = (text: string, given: Partial<ReplyPart> = {}) =>
    replyPart({ threadId: root.ts, inReplyTo: root.ts, text, isFinal: false, ...given });
  return {
    ...world,
    root,
    growing,
    whole: (text: string, given: Partial<ReplyPart> = {}) => growing(text, { isFinal: true, ...given }),
  };
}

function channelOf(world: Pick<SlackWorld, "slack">, id = "C1") {
  const channel = world.slack.state.channels.get(id);
  if (channel === undefined) throw new Error(`no channel ${id}`);
  return channel;
}

function repliesOf(world: Pick<SlackWorld, "slack">, id = "C1") {
  return channelOf(world, id).messages.filter(({ user }) => user === "UBOT");
}

const sent = (world: Pick<SlackWorld, "slack">) =>
  world.slack.calls.filter(({ method }) => method.startsWith("chat.")).map(({ method }) => method);

test("a reply in a thread is streamed: only what is new is appended, and buttons come at the end", async () => {
  const world = await openThread();
  const { slack, connector, growing, whole } = world;

  const posted = await connector.post(growing("One"));
  await connector.edit(posted, growing("One two"));
  await connector.edit(posted, growing("One two"));
  await connector.edit(posted, whole("One two three"));

  expect(
    slack.calls
      .map(({ method, args }) => [method, args.get("markdown_text")])
      .filter(([method]) => method?.includes("Stream")),
  ).toEqual([
    ["chat.startStream", "One"],
    ["chat.appendStream", " two"],
    ["chat.stopStream", " three"],
  ]);
  const [reply] = repliesOf(world);
  expect(reply).toMatchObject({ text: "One two three", streaming_state: "completed" });
  expect(reply?.blocks.map(({ type }) => type)).toEqual(["context_actions", "actions"]);
  expect(reply?.metadata).toEqual({ event_type: "reactune_reply", event_payload: { turn_id: "turn-1", part: 0 } });
});

test.each([
  ["the settings say so", { streaming: "edits" }, {}],
  ["the reply stands in no thread", {}, { threadId: undefined }],
  ["this Slack has no streams", { double: { without: ["chat.startStream"] } }, {}],
] as const)("a reply is edited instead when %s", async (_when, options, given) => {
  const world = await openThread(options);
  const { connector, growing, whole } = world;
  const at = (part: ReplyPart): ReplyPart => {
    const { threadId: _threadId, ...flat } = part;
    return "threadId" in given ? flat : part;
  };

  const posted = await connector.post(at(growing("One")));
  await connector.edit(posted, at(whole("One two")));

  expect(repliesOf(world).map(({ text, streaming_state }) => [text, streaming_state])).toEqual([
    ["One two", undefined],
  ]);
  expect(sent(world).slice(-2)).toEqual(["chat.postMessage", "chat.update"]);
});

test("a Slack without streams is asked for one only once", async () => {
  const world = await openThread({ double: { without: ["chat.startStream"] } });

  for (const turnId of ["a", "b", "c"]) await world.connector.post(world.growing("One", { turnId }));

  expect(world.slack.callsOf("chat.startStream")).toHaveLength(1);
});

test("a reply that grows by edits has a stop button, and no preview of links", async () => {
  const world = await openThread({ streaming: "edits" });

  await world.connector.post(world.growing("See https://example.com"));

  const [reply] = repliesOf(world);
  expect(JSON.stringify(reply?.blocks)).toContain("reactune_stop");
  expect(reply).toMatchObject({ unfurl_links: "false", unfurl_media: "false" });
});

test("a text that is no extension of what is shown ends the stream and replaces it", async () => {
  const world = await openThread();
  const { connector, growing, whole } = world;

  const posted = await connector.post(growing("A bad word"));
  await connector.edit(posted, whole("A *** word, and more"));

  expect(repliesOf(world).map(({ text }) => text)).toEqual(["A *** word, and more"]);
});

test("the whole text is there when Slack ended the stream by itself", async () => {
  const world = await openThread();
  const { connector, growing, whole } = world;
  const posted = await connector.post(growing("One"));
  const [reply] = repliesOf(world);
  if (reply !== undefined) reply.streaming_state = "completed";

  await connector.edit(posted, whole("One two three"));

  expect(repliesOf(world).map(({ text }) => text)).toEqual(["One two three"]);
});

test("half a character at the end of a growing text waits for its other half", async () => {
  const world = await openThread();
  const { connector, growing, whole } = world;

  const posted = await connector.post(growing("a \uD83D"));
  await connector.edit(posted, growing("a \uD83D\uDE00 \uD83D"));
  await connector.edit(posted, whole("a \uD83D\uDE00 \uD83D"));

  expect(repliesOf(world)[0]?.text).toBe("a 😀 \uFFFD");
  expect(sent(world)).toEqual(["chat.startStream", "chat.appendStream", "chat.stopStream"]);
});

test("buttons that a workspace refuses cost no text", async () => {
  const world = await openThread({ streaming: "edits", double: { blocksRefused: ["context_actions"] } });

  await world.connector.post(replyPart({ text: "x".repeat(12_000) }));

  expect(repliesOf(world)[0]?.text).toHaveLength(12_000);
});

test("edit() of a message that is gone rejects as gone", async () => {
  const { connector, whole } = await openThread();

  await expect(connector.edit({ messageId: "1.1" }, whole("x"))).rejects.toMatchObject({
    code: "PLATFORM_REFUSED",
    reason: "gone",
  });
});

test.each([
  ["not_in_channel", "permission", { isBotMember: false }],
  ["is_archived", "permission", { isArchived: true }],
] as const)("post() rejects by reason when Slack says %s", async (code, reason, given) => {
  const world = await openThread();
  Object.assign(channelOf(world), given);

  await expect(world.connector.post(world.whole("x"))).rejects.toMatchObject({
    reason,
    message: expect.stringContaining(code),
  });
});

test("a 429 is waited out by a final text, and left out by one on the way", async () => {
  const world = await openThread({ streaming: "edits", double: { speedUp: 20 } });
  const { slack, connector } = world;

  // Somebody else with the same app writes there: our own count does not know of it.
  const headers = { authorization: `Bearer ${slack.credentials.botToken}` };
  for (let posts = 0; posts < 4; posts++) {
    const body = new URLSearchParams({ channel: "C1", text: "from elsewhere" });
    await fetch(`${slack.apiUrl}chat.postMessage`, { method: "POST", headers, body });
  }
  const started = performance.now();
  await Promise.all([0, 1, 2, 3, 4, 5].map((part) => connector.post(replyPart({ part, text: `part ${part}` }))));

  expect(slack.calls.filter(({ outcome }) => outcome === "ratelimited").length).toBeGreaterThan(0);
  expect(
    repliesOf(world)
      .map(({ text }) => text)
      .filter((text) => text !== "from elsewhere")
      .sort(),
  ).toEqual([0, 1, 2, 3, 4, 5].map((part) => `part ${part}`));
  expect(performance.now() - started).toBeGreaterThan(900);
});

test("hasRoomFor() keeps an edit for the end of each reply that grows by edits", async () => {
  const clock = { nowMs: 1_800_000_000_000 };
  const { connector, growing, whole } = await openThread({ streaming: "edits", now: () => clock.nowMs });
  const posted = await connector.post(growing("One"));
  for (let edits = 0; edits < 48; edits++) await connector.edit(posted, whole(`One ${edits}`));
  expect(await connector.hasRoomFor?.(growing("Two"))).toBe(true);

  const other = await connector.post(growing("Two", { turnId: "turn-2" }));
  await connector.post(growing("Three", { turnId: "turn-3" }));
  expect(await connector.hasRoomFor?.(growing("Four"))).toBe(false);
  await connector.edit(other, whole("Two, all of it", { turnId: "turn-2" }));
  expect(await connector.hasRoomFor?.(growing("Four"))).toBe(false);

  clock.nowMs += 60_000;
  expect(await connector.hasRoomFor?.(growing("Four"))).toBe(true);
});

test("hasRoomFor() lets a reply begin as a stream when no edit is left", async () => {
  const clock = { nowMs: 1_800_000_000_000 };
  const { connector, growing, whole } = await openThread({ now: () => clock.nowMs });
  const posted = await connector.post(whole("One"));
  for (let edits = 0; edits < 50; edits++) await connector.edit(posted, whole(`One ${edits}`));

  expect(await connector.hasRoomFor?.(growing("Two"))).toBe(true);
  expect(await connector.hasRoomFor?.(growing("Two, see https://example.com"))).toBe(false);
});

test("hasRoomFor() keeps edits for the ends of other processes' replies, and begins no stream in their place", async () => {
  const clock = { nowMs: 1_800_000_000_000 };
  const now = () => clock.nowMs;
  const windows = memoryWindows(now);
  const keys = new Set<string>();
  const take: typeof windows.take = (key, ...given) => {
    keys.add(key);
    return windows.take(key, ...given);
  };
  const others = { windows: { ...windows, take }, live: memoryLive() };
  const one = await openThread({ now, others });
  const other = await openThread({ slack: one.slack, now, others });
  const posted = await one.connector.post(one.whole("One"));
  for (let edits = 0; edits < 48; edits++) await one.connector.edit(posted, one.whole(`One ${edits}`));
  const link = "see https://example.com";
  const part = (turnId: string) => one.growing(`${turnId}, ${link}`, { turnId });

  expect(await one.connector.hasRoomFor?.(part("turn-2"))).toBe(true);
  expect(await other.connector.hasRoomFor?.(part("turn-3"))).toBe(true);
  expect(await other.connector.hasRoomFor?.(part("turn-4"))).toBe(false);
  await one.connector.edit(await one.connector.post(part("turn-2")), { ...part("turn-2"), isFinal: true });
  expect(await other.connector.hasRoomFor?.(part("turn-4"))).toBe(false);

  const noLink = other.growing("No link", { turnId: "turn-5" });
  expect(await other.connector.hasRoomFor?.(noLink)).toBe(true);
  await one.connector.post(one.growing("A stream", { turnId: "turn-6" }));
  const streams = [...keys].find((key) => key.endsWith("chat.startStream")) ?? "";
  for (let begun = 1; begun < 14; begun++) await windows.take(streams, `stream ${begun}`, 20, 60_000);
  expect(await other.connector.hasRoomFor?.(noLink)).toBe(false);
  clock.nowMs += 70_000;
  expect(await other.connector.hasRoomFor?.(part("turn-4"))).toBe(true);
});

test("leaveRoom() lets another process begin at once in the place of a reply that was given up", async () => {
  const clock = { nowMs: 1_800_000_000_000 };
  const now = () => clock.nowMs;
  const others = { windows: memoryWindows(now), live: memoryLive() };
  const one = await openThread({ streaming: "edits", now, others });
  const other = await openThread({ slack: one.slack, streaming: "edits", now, others });
  const posted = await one.connector.post(one.whole("One"));
  for (let edits = 0; edits < 49; edits++) await one.connector.edit(posted, one.whole(`One ${edits}`));
  expect(await one.connector.hasRoomFor?.(one.growing("Two", { turnId: "turn-2" }))).toBe(true);
  expect(await other.connector.hasRoomFor?.(other.growing("Three", { turnId: "turn-3" }))).toBe(false);

  await one.connector.leaveRoom?.({ turnId: "turn-2", part: 0 });

  expect(await other.connector.hasRoomFor?.(other.growing("Three", { turnId: "turn-3" }))).toBe(true);
});

test("reconcile() finds a posted part, a stream that was left, and nothing else", async () => {
  const world = await openThread();
  const { slack, connector, growing, whole } = world;
  const { messageId } = await connector.post(whole("Done", { turnId: "done", part: 2 }));
  expect(await connector.reconcile(growing("", { turnId: "done", part: 3 }))).toBeUndefined();
  const stream = slack.state.add(channelOf(world), {
    user: "UBOT",
    bot_id: "BBOT",
    text: "left",
    blocks: [],
    thread_ts: world.root.ts,
    streaming_state: "in_progress",
  });

  expect(await connector.reconcile(growing("", { turnId: "done", part: 2 }))).toEqual({ messageId });
  expect(await connector.reconcile(growing("", { turnId: "left" }))).toEqual({ messageId: stream.ts });
  expect(await connector.reconcile(growing("", { turnId: "other" }))).toBeUndefined();
  await connector.edit({ messageId: stream.ts }, whole("left no more", { turnId: "left" }));
  expect(slack.state.find("C1", stream.ts)).toMatchObject({ text: "left no more", streaming_state: "completed" });
  expect(await connector.reconcile(growing("", { turnId: "other" }))).toBeUndefined();
});

test("remove() deletes a message, and one that is gone is no error", async () => {
  const world = await openThread();
  const { messageId } = await world.connector.post(world.whole("x"));
  const place = { workspaceId: WORKSPACE, channelId: "C1", messageId };

  await world.connector.remove(place);
  await world.connector.remove(place);

  expect(repliesOf(world)).toEqual([]);
});

test("post() in a workspace that removed the app rejects as a matter of credentials", async () => {
  const { connector } = await openThread();

  await expect(connector.post(replyPart({ workspaceId: "slack:T9" }))).rejects.toMatchObject({ reason: "credentials" });
});

const REPLIES = 100;

/** So fast that the budgets of Slack's minutes leave room for streams and edits. */
function fastClock(): () => number {
  const startedAt = Date.now();
  return () => startedAt + (Date.now() - startedAt) * 200;
}

/** Short ones more often than long ones, of up to 12,000 characters, that grow in random steps; now and then a masked word makes the text no extension. */
function steps(random: () => number): string[] {
  const chars = 1 + Math.floor(random() ** 3 * 9000);
  const text = Array.from({ length: chars }, () => ALPHABET[Math.floor(random() * ALPHABET.length)])
    .join("")
    .slice(0, chars);
  const cuts = Array.from({ length: 1 + Math.floor(random() * 5) }, () => 1 + Math.floor(random() * chars)).sort(
    (a, b) => a - b,
  );
  const shown = cuts.map((cut) => text.slice(0, cut));
  return [...shown, random() < 0.1 ? `${text.slice(0, -1)}*` : text];
}
const ALPHABET = [..."abcdefg hijk\n`*_~[](){}<>&|#-1234 שלום 你好 😀👩‍👩‍👧"];

test.each([["auto"], ["edits"]] as const)(
  "100 replies with 15 % faults lose, double and cut nothing (streaming: %s)",
  async (streaming) => {
    const world = await openThread({ streaming, now: fastClock(), double: { faultRatio: 0.15, seed: 42 } });
    const { connector } = world;
    const random = seededRandom(7);
    const wanted: string[] = [];
    const work = Array.from({ length: REPLIES }, (_, index) => ({ turnId: `t${index}`, texts: steps(random) }));

    const write = async ({ turnId, texts }: (typeof work)[number]) => {
      const last = texts.at(-1) ?? "";
      const { ts } = world.slack.state.add(channelOf(world), { user: "UANA", text: turnId, blocks: [] });
      const place = { turnId, threadId: ts, inReplyTo: ts, actions: [] };
      let posted = await connector
        .post(replyPart({ ...place, text: texts[0] ?? last, isFinal: false }))
        .catch(() => undefined);
      for (const text of texts.slice(1, -1)) {
        if (posted !== undefined)
          await connector.edit(posted, replyPart({ ...place, text, isFinal: false })).catch(() => {});
      }
      // What the replies' own stream does: an unknown outcome is looked up, and the final text tried again.
      for (let attempt = 0; ; attempt++) {
        try {
          posted ??= await connector.reconcile(replyPart(place));
          if (posted === undefined) posted = await connector.post(replyPart({ ...place, text: last }));
          else await connector.edit(posted, replyPart({ ...place, text: last }));
          break;
        } catch (error) {
          if (attempt >= 5) throw error;
        }
      }
      wanted.push(last.toWellFormed());
    };
    for (let next = 0; next < work.length; next += 50) await Promise.all(work.slice(next, next + 50).map(write));

    const shown = repliesOf(world).map(({ text }) => text);
    expect(shown).toHaveLength(REPLIES);
    const lost = wanted.filter((text) => !shown.includes(text));
    expect(lost).toEqual([]);
    expect(world.slack.calls.filter(({ outcome }) => outcome.startsWith("fault")).length).toBeGreaterThan(20);
  },
  120_000,
);
