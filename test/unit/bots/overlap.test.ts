import { expect, onTestFinished, test, vi } from "vitest";
import { startAnswering } from "#bots/answering.ts";
import type { AnsweringParts } from "#bots/answering-parts.ts";
import { type AskedMessage, createFairQueue, stopReasonOf } from "#bots/overlap.ts";
import type { PlaceSettings } from "#bots/place-settings.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";
import { openChatWorld, recordingConnector, recordingLog } from "./chat-world.ts";

let sent = 0;

function message(messageId: string, userId = "ana", given: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    platform: "discord",
    workspaceId: "discord:G1",
    channelId: "C1",
    visibility: "public",
    userId,
    messageId,
    text: `text of ${messageId}`,
    sentAtMs: ++sent,
    ...given,
  };
}

interface Started {
  readonly message: AskedMessage;
  readonly signal: AbortSignal;
  end(): void;
}

/** An inbox whose answers end when the test says so, or when they are stopped. */
function openInbox(place: Partial<PlaceSettings> = {}, given: Partial<AnsweringParts> = {}) {
  const store = openTempStore();
  chat = given.chat ?? store.chat;
  const platform = recordingConnector();
  const { lines, log } = recordingLog();
  const started: Started[] = [];
  const answering = startAnswering({
    chat: store.chat,
    connectors: new Map([["discord" as const, { ...platform.connector, platform: "discord" as const }]]),
    answer: (_connector, _turnId, asked, signal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
        started.push({ message: asked, signal, end: resolve });
      }),
    places: fixedSettings(place),
    turnIdOf: (eventId) => `turn-${eventId}`,
    claimedBy: "process-1",
    now: Date.now,
    log,
    ...given,
  });
  onTestFinished(() => answering.close(0));
  return {
    ...platform,
    chat: given.chat ?? store.chat,
    answering,
    started,
    lines,
    names: () => started.map(({ message: { messageId } }) => messageId),
    async say(...messages: readonly IncomingMessage[]) {
      for (const said of messages) {
        await answering.accept(`e-${said.messageId}${said.revision ?? ""}`, said);
        await settle();
      }
    },
    async endNewest() {
      started.at(-1)?.end();
      await settle();
    },
  };
}

/** The store of the test that runs: a write's promise resolves when all before it is flushed. */
let chat: ChatStore | undefined;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) {
    await chat?.renewEvent("none", "nobody", 0);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("createFairQueue() lets people come in turn, each in the order of their messages", () => {
  const queue = createFairQueue<{ readonly of: string }>();
  for (const of of ["a1", "a2", "a3", "b1", "c1", "b2"]) queue.add(of.slice(0, 1), { of });

  const order = Array.from({ length: 7 }, () => queue.take(() => false).map((item) => item.of));

  expect(order).toEqual([["a1"], ["b1"], ["c1"], ["a2"], ["b2"], ["a3"], []]);
});

test("createFairQueue() puts who was just answered behind who waits", () => {
  const queue = createFairQueue<{ readonly of: string }>();
  queue.add("a", { of: "a1" });
  queue.take(() => false);
  queue.add("a", { of: "a2" });
  queue.add("b", { of: "b1" });

  expect(queue.take(() => false)).toEqual([{ of: "b1" }]);
});

test("startAnswering() answers a second person next, however many messages of the first wait", async () => {
  const { say, names, endNewest } = openInbox();
  await say(message("a1"), message("a2"), message("a3"), message("a4"), message("b1", "ben"));

  for (let answers = 0; answers < 4; answers++) await endNewest();

  expect(names()).toEqual(["a1", "b1", "a2", "a3", "a4"]);
});

test("startAnswering() leaves out what one person has too much waiting, and says so once", async () => {
  const { say, names, endNewest, shown, chat } = openInbox();

  await say(...Array.from({ length: 14 }, (_, index) => message(`a${index}`)));
  await say(message("b", "ben"));
  for (let answers = 0; answers < 20; answers++) await endNewest();

  expect(names()).toHaveLength(1 + 10 + 1);
  expect(names()).toContain("b");
  expect(shown.map(({ text }) => text)).toEqual([expect.stringContaining("One after the other")]);
  expect(await chat.claimEvent({ claimedBy: "x", nowMs: Date.now() + 3_600_000, leaseMs: 1 })).toBeUndefined();
});

test("startAnswering() bounds what waits in one place, whoever wrote it", async () => {
  const { say, started, endNewest } = openInbox();

  await say(...Array.from({ length: 130 }, (_, index) => message(`m${index}`, `person-${index}`)));
  for (let answers = 0; answers < 140; answers++) await endNewest();

  expect(started).toHaveLength(101);
});

test("startAnswering() joins what waits of one person, and finishes every event with one answer", async () => {
  const { say, started, endNewest, chat } = openInbox({ overlap: "join" });
  await say(message("a1"), message("a2"), message("b1", "ben"), message("a3"));

  await endNewest();
  await endNewest();
  await endNewest();

  expect(
    started.map(({ message: { messageId, text, joinedMessageIds } }) => [messageId, text, joinedMessageIds]),
  ).toEqual([
    ["a1", "text of a1", undefined],
    ["b1", "text of b1", undefined],
    ["a3", "text of a2\n\ntext of a3", ["a2"]],
  ]);
  expect(await chat.claimEvent({ claimedBy: "x", nowMs: Date.now() + 3_600_000, leaseMs: 1 })).toBeUndefined();
});

test("startAnswering() joins no more than a message may hold, and nothing that is asked again", async () => {
  const { say, started, endNewest } = openInbox({ overlap: "join", messageMaxChars: 30 });
  await say(message("a1"), message("a2"), message("a3"), message("a4", "ana", { regenerationOf: "turn-x" }));

  for (let answers = 0; answers < 3; answers++) await endNewest();

  expect(started.map(({ message: { text } }) => text)).toEqual([
    "text of a1",
    "text of a2\n\ntext of a3",
    "text of a4",
  ]);
});

test("startAnswering() gives up the person's reply for their newer message, and nobody else's", async () => {
  const { say, started, names, chat } = openInbox({ overlap: "replace" });

  await say(message("a1"), message("b1", "ben"), message("a2"), message("a3"));

  expect(names()).toEqual(["a1", "b1"]);
  expect(started[0] === undefined ? undefined : stopReasonOf(started[0].signal)).toBe("replaced");
  expect(started[1]?.signal.aborted).toBe(false);
  started[1]?.end();
  await settle();
  expect(names()).toEqual(["a1", "b1", "a3"]);
  started[2]?.end();
  await settle();
  expect(await chat.claimEvent({ claimedBy: "x", nowMs: Date.now() + 3_600_000, leaseMs: 1 })).toBeUndefined();
});

test("startAnswering() gives an edited question up for its new text, running or waiting", async () => {
  const { say, started } = openInbox();
  await say(message("a1"), message("a2"));
  const edit = (messageId: string) => message(messageId, "ana", { revision: 1, text: `new ${messageId}` });

  await say(edit("a2"), edit("a1"));
  for (let answers = 0; answers < 3; answers++) {
    started.at(-1)?.end();
    await settle();
  }

  expect(started[0] === undefined ? undefined : stopReasonOf(started[0].signal)).toBe("edited");
  expect(started.map(({ message: { text } }) => text)).toEqual(["text of a1", "new a2", "new a1"]);
});

test("startAnswering() does not answer the old text of a question when a kill left both, whichever is found first", async () => {
  const { chat } = openTempStore();
  const nowMs = Date.now();
  await chat.acceptEvent("new", message("a1", "ana", { revision: 1, text: "new" }), nowMs - 2);
  await chat.acceptEvent("old", message("a1", "ana", { text: "old" }), nowMs - 1);
  const { started, lines } = openInbox({}, { chat });

  await vi.waitFor(() => expect(lines).toContainEqual(expect.objectContaining({ event: "inbox.overtaken" })), 5000);
  started[0]?.end();
  await settle();

  expect(started.map(({ message: { text } }) => text)).toEqual(["new"]);
});

test("startAnswering() answers joined messages once when a kill came between their answer and the end of their events", async () => {
  const world = await openChatWorld();
  const turn = await world.ask("text of a1", { messageId: "a1", workspaceId: "discord:G1", channelId: "C1" });
  const joined: Turn = {
    ...turn,
    id: "turn-e-a1",
    messages: [...turn.messages, { messageId: "a2", role: "question", part: 1 }],
  };
  await world.store.chat.saveTurn(joined);
  const { chat } = world.store;
  await chat.acceptEvent("e-a2", message("a2"), 1);
  await chat.claimEvent({ claimedBy: "killed", nowMs: 1, leaseMs: 1 });
  const { started, lines } = openInbox({ overlap: "join" }, { chat });

  await vi.waitFor(() => expect(lines).toContainEqual(expect.objectContaining({ event: "inbox.overtaken" })), 5000);

  expect(started).toHaveLength(0);
  expect(await chat.claimEvent({ claimedBy: "x", nowMs: Date.now() + 3_600_000, leaseMs: 1 })).toBeUndefined();
});

test("dropQuestion() ends what waits and what runs, durably, and the place goes on", async () => {
  const { say, started, names, answering, chat } = openInbox();
  await say(message("a1"), message("a2"), message("a3"));

  await answering.dropQuestion("e-a2");
  await answering.dropQuestion("e-a1");
  await settle();
  expect(started[0] === undefined ? undefined : stopReasonOf(started[0].signal)).toBe("deleted");
  expect(names()).toEqual(["a1", "a3"]);

  await answering.close(0);
  const left = await chat.claimEvent({ claimedBy: "next", nowMs: Date.now() + 3_600_000, leaseMs: 1 });
  expect(left?.id).toBe("e-a3");
});

test("underWay() tells what waits and runs in a channel, with the turn that joined messages share", async () => {
  const { say, answering, endNewest } = openInbox({ overlap: "join" });
  await say(message("a1"), message("a2"), message("a3"), message("x", "ana", { channelId: "C2" }));

  const tell = () =>
    answering
      .underWay({ workspaceId: "discord:G1", channelId: "C1" })
      .map(({ message: { messageId }, turnId, isRunning, isJoined }) => [messageId, turnId, isRunning, isJoined]);
  expect(tell()).toEqual([
    ["a1", "turn-e-a1", true, false],
    ["a2", "turn-e-a2", false, false],
    ["a3", "turn-e-a3", false, false],
  ]);
  await answering.stopReply("turn-e-a1");
  await endNewest();
  await settle();
  expect(tell()).toEqual([
    ["a2", "turn-e-a2", true, true],
    ["a3", "turn-e-a2", true, true],
  ]);
  expect(answering.underWay({ workspaceId: "discord:G1" })).toHaveLength(2);
});
