import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { startAnswering } from "#bots/answering.ts";
import type { AnsweringParts } from "#bots/answering-parts.ts";
import { StoreUnreachableError } from "#core/errors.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { sampleTurn } from "../../contract/sample-records.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { makeTempFolder, openTempStore } from "../store/sqlite/temp-store.ts";
import { openChatWorld, recordingConnector, recordingLog } from "./chat-world.ts";

/** Stores of the test that runs. */
const chats = new Set<AnsweringParts["chat"]>();

afterEach(() => {
  chats.clear();
  vi.useRealTimers();
});

function message(messageId: string, given: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    platform: "local",
    workspaceId: "local:home",
    channelId: "web",
    visibility: "public",
    userId: "ana",
    messageId,
    text: `text of ${messageId}`,
    sentAtMs: 1,
    ...given,
  };
}

interface Started {
  readonly message: IncomingMessage;
  readonly signal: AbortSignal;
  end(): void;
  fail(error: Error): void;
}

/** An inbox whose answers end when the test says so. */
function openInbox(given: Partial<AnsweringParts> = {}) {
  const store = given.chat === undefined ? openTempStore() : undefined;
  const platform = recordingConnector();
  const { lines, log } = recordingLog();
  const started: Started[] = [];
  const parts: AnsweringParts = {
    chat: given.chat ?? store?.chat ?? openTempStore().chat,
    connectors: new Map([["local" as const, platform.connector]]),
    answer: (_connector, _turnId, asked, signal) =>
      new Promise<void>((resolve, reject) => {
        started.push({ message: asked, signal, end: resolve, fail: reject });
      }),
    places: fixedSettings(),
    turnIdOf: (eventId) => `turn-${eventId}`,
    claimedBy: "process-1",
    now: Date.now,
    log,
    ...given,
  };
  chats.add(parts.chat);
  const answering = startAnswering(parts);
  onTestFinished(() => answering.close(0));
  const names = () => started.map((item) => item.message.messageId);
  return { ...platform, answering, parts, started, names, lines };
}

/** Lets promises go on, and waits for what they write: a write's promise resolves when all before it is flushed. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) {
    await Promise.all([...chats].map((chat) => chat.renewEvent("none", "nobody", 0)));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function advance(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
}

/** Fake time for timers and clock; the store and promises stay real. */
function holdTime(): void {
  vi.useFakeTimers({
    now: 1_800_000_000_000,
    toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout", "Date"],
  });
}

test("accept() answers a message once when it comes twice", async () => {
  const { answering, names } = openInbox();

  expect(await answering.accept("e1", message("m1"))).toEqual({ turnId: "turn-e1", isNew: true });
  expect(await answering.accept("e1", message("m1"))).toEqual({ turnId: "turn-e1", isNew: false });

  await settle();
  expect(names()).toEqual(["m1"]);
});

test("accept() has the message in the store before it resolves", async () => {
  const { answering, parts } = openInbox();

  await answering.accept("e1", message("m1"));

  expect(await parts.chat.acceptEvent("e1", message("m1"), 2)).toBe(false);
});

test("accept() rejects when the message could not be made durable", async () => {
  const { chat } = openTempStore();
  const { answering, started } = openInbox({
    chat: {
      ...chat,
      acceptEvent: async () => {
        throw new Error("Disk full");
      },
    },
  });

  await expect(answering.accept("e1", message("m1"))).rejects.toThrow("Disk full");
  expect(started).toHaveLength(0);
});

test("accept() answers messages of one place one after another, places side by side", async () => {
  const { answering, started, names } = openInbox();

  await answering.accept("e1", message("m1"));
  await answering.accept("e2", message("m2"));
  await answering.accept("e3", message("m3", { threadId: "thread" }));
  await answering.accept("e4", message("m4", { channelId: "other" }));
  await settle();
  expect(names()).toEqual(["m1", "m3", "m4"]);

  started[0]?.end();
  await settle();
  expect(names()).toEqual(["m1", "m3", "m4", "m2"]);
});

test("accept() goes on with the next message of a place when one fails", async () => {
  const { answering, started, names } = openInbox();
  await answering.accept("e1", message("m1"));
  await answering.accept("e2", message("m2"));
  await settle();

  started[0]?.fail(new Error("The platform is away"));
  await settle();

  expect(names()).toEqual(["m1", "m2"]);
});

test("startAnswering() tries a failed message again, and gives it up with a notice after three failures", async () => {
  holdTime();
  const { answering, started, shown, parts } = openInbox();
  await answering.accept("e1", message("m1"));
  for (let attempt = 0; attempt < 3; attempt++) {
    await advance(4100);
    expect(started).toHaveLength(attempt + 1);
    started[attempt]?.fail(new Error("The model is gone"));
    await settle();
  }
  await advance(60_000);

  expect(started).toHaveLength(3);
  expect(shown).toEqual([{ act: "post", text: expect.stringContaining("The model is gone"), isFinal: true }]);
  expect(await parts.chat.claimEvent({ claimedBy: "x", nowMs: Date.now(), leaseMs: 1 })).toBeUndefined();
});

test("startAnswering() tries again soon when the lease was renewed at the moment the answer failed", async () => {
  holdTime();
  const { chat } = openTempStore();
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const renewEvent: typeof chat.renewEvent = async (id, claimedBy, leaseUntilMs) => {
    if (leaseUntilMs > Date.now() + 5000) await arrived;
    return chat.renewEvent(id, claimedBy, leaseUntilMs);
  };
  const { answering, started, names } = openInbox({ chat: { ...chat, renewEvent } });
  await answering.accept("e1", message("m1"));
  await advance(5100);
  started[0]?.fail(new StoreUnreachableError("db:27017"));
  await settle();
  arrive();

  await advance(4100);

  expect(names()).toEqual(["m1", "m1"]);
});

test("startAnswering() tries again as soon as the store is back when it was away as the answer failed", async () => {
  holdTime();
  const { chat } = openTempStore();
  let isAway = false;
  const renewEvent: typeof chat.renewEvent = (id, ...args) =>
    isAway && id === "e1" ? Promise.reject(new StoreUnreachableError("db:27017")) : chat.renewEvent(id, ...args);
  const { answering, started, names } = openInbox({ chat: { ...chat, renewEvent } });
  await answering.accept("e1", message("m1"));
  await settle();
  isAway = true;
  started[0]?.fail(new StoreUnreachableError("db:27017"));
  await advance(6000);
  expect(names()).toEqual(["m1"]);
  isAway = false;

  await advance(2100);

  expect(names()).toEqual(["m1", "m1"]);
});

test("startAnswering() leaves no turn streaming when it gives a message up", async () => {
  const world = await openChatWorld();
  const turn = await world.ask("Where is my refund?");
  await world.store.chat.saveTurn({ ...turn, id: "turn-e1", status: "streaming", reply: "" });
  holdTime();
  const { answering, started } = openInbox({ chat: world.store.chat });
  await answering.accept("e1", message("m1"));
  for (let attempt = 0; attempt < 3; attempt++) {
    await advance(4100);
    started[attempt]?.fail(new Error("The model is gone"));
    await settle();
  }

  expect(await world.store.chat.findTurn("turn-e1")).toMatchObject({
    status: "failed",
    provenance: { endedBy: "error" },
  });
});

test("startAnswering() gives a message up unanswered when it ended the program ten times", async () => {
  holdTime();
  const { chat } = openTempStore();
  await chat.acceptEvent("e1", message("m1"), Date.now());
  for (let kill = 0; kill < 10; kill++) {
    expect(await chat.claimEvent({ claimedBy: `killed-${kill}`, nowMs: Date.now(), leaseMs: 10 })).toBeDefined();
    await advance(11);
  }

  const { started, shown } = openInbox({ chat });
  await advance(2100);

  expect(started).toHaveLength(0);
  expect(shown).toMatchObject([{ act: "post", isFinal: true }]);
});

test("startAnswering() takes over what a dead process held when its lease ran out, and not before", async () => {
  holdTime();
  const { chat } = openTempStore();
  await chat.acceptEvent("e1", message("m1"), Date.now());
  await chat.claimEvent({ claimedBy: "dead", nowMs: Date.now(), leaseMs: 15_000 });
  const { names, lines } = openInbox({ chat, claimedBy: "process-2" });

  await advance(14_500);
  expect(names()).toEqual([]);
  await advance(2000);
  expect(names()).toEqual(["m1"]);
  expect(lines).toContainEqual(expect.objectContaining({ event: "inbox.left-behind" }));
});

test("startAnswering() keeps its lease while an answer is long, so that no other process takes it", async () => {
  holdTime();
  const { chat } = openTempStore();
  const first = openInbox({ chat, claimedBy: "process-1" });
  const second = openInbox({ chat, claimedBy: "process-2" });
  await first.answering.accept("e1", message("m1"));
  await first.answering.accept("e2", message("m2"));

  await advance(60_000);

  expect(first.names()).toEqual(["m1"]);
  expect(second.names()).toEqual([]);
  const lost = await chat.claimEvent({ eventId: "e1", claimedBy: "later", nowMs: Date.now() + 20_000, leaseMs: 1 });
  expect(lost?.attempts).toBe(2);
});

test("startAnswering() lets go of what waits when another process took it over, or it was erased", async () => {
  holdTime();
  const { chat } = openTempStore();
  const { answering, started, names, lines } = openInbox({ chat, claimedBy: "stalled" });
  for (const number of [1, 2, 3, 4]) await answering.accept(`e${number}`, message(`m${number}`));
  await settle();
  const taken = { eventId: "e2", claimedBy: "other", nowMs: Date.now() + 20_000, leaseMs: 60_000 };
  expect(await chat.claimEvent(taken)).toMatchObject({ attempts: 2 });
  await chat.finishEvent("e3");

  await advance(6000);
  started[0]?.end();
  await advance(100);
  started[1]?.end();
  await advance(100);

  expect(names()).toEqual(["m1", "m4"]);
  expect(lines.filter(({ event }) => event === "inbox.lease-lost").map(({ fields }) => fields)).toEqual([
    { eventId: "e2" },
    { eventId: "e3" },
  ]);
});

test("startAnswering() goes on once with what it holds when the machine slept through its leases", async () => {
  holdTime();
  const { answering, started, names } = openInbox();
  await answering.accept("e1", message("m1"));
  await settle();

  vi.setSystemTime(Date.now() + 3_600_000);
  await advance(2100);
  started[0]?.end();
  await advance(60_000);

  expect(names()).toEqual(["m1"]);
});

test("startAnswering() leaves a message alone when its platform is off here", async () => {
  const { answering, started, lines } = openInbox();

  await answering.accept("e1", message("m1", { platform: "slack" }));
  await settle();

  expect(started).toHaveLength(0);
  expect(lines).toContainEqual(expect.objectContaining({ event: "inbox.platform-off" }));
});

test("startAnswering() takes nothing over for a platform that is away, and does when it is back", async () => {
  holdTime();
  const { chat } = openTempStore();
  await chat.acceptEvent("e1", message("m1"), Date.now());
  const state = { isConnected: false };
  const connector = { ...recordingConnector().connector, isConnected: () => state.isConnected };
  const { names } = openInbox({ chat, connectors: new Map([["local" as const, connector]]) });

  await advance(30_000);
  expect(names()).toEqual([]);
  state.isConnected = true;
  await advance(2100);
  expect(names()).toEqual(["m1"]);
});

test("accept() leaves an edit unanswered that is older than what another process answered meanwhile", async () => {
  const { answering, parts, names, lines } = openInbox();
  const messages = [{ messageId: "m1", role: "question", part: 0 } as const];
  const newer = sampleTurn({ id: "turn-edit-2", messages, revision: 2, question: "The second edit?" });
  await parts.chat.saveTurn(newer);
  const { workspaceId, channelId } = newer;

  await answering.accept("edit-1", message("m1", { workspaceId, channelId, revision: 1 }));
  await vi.waitFor(() => expect(lines.map(({ event }) => event)).toContain("inbox.overtaken"));
  await answering.accept("edit-3", message("m1", { workspaceId, channelId, revision: 3, text: "The third" }));
  await vi.waitFor(() => expect(names()).toHaveLength(1));

  expect(await parts.chat.findTurn(newer.id)).toMatchObject({ status: "complete", question: "The second edit?" });
});

test("stopReply() aborts a running answer, and one that still waits for its place", async () => {
  const { answering, started } = openInbox();
  await answering.accept("e1", message("m1"));
  await answering.accept("e2", message("m2"));
  await settle();

  expect(answering.stopReply("turn-e2")).toBe(true);
  expect(answering.stopReply("turn-e1")).toBe(true);
  expect(started[0]?.signal.aborted).toBe(true);
  started[0]?.end();
  await settle();
  expect(started[1]?.signal.aborted).toBe(true);
});

test("stopReply() is false when nothing of this id runs", async () => {
  const { answering, started } = openInbox();
  await answering.accept("e1", message("m1"));
  await settle();
  started[0]?.end();
  await settle();

  expect(answering.stopReply("turn-e1")).toBe(false);
  expect(answering.stopReply("turn-unknown")).toBe(false);
});

test("close() waits for the running answer, and leaves what waits to the next start at once", async () => {
  const { chat } = openTempStore();
  const first = openInbox({ chat });
  await first.answering.accept("e1", message("m1"));
  await first.answering.accept("e2", message("m2"));
  await settle();

  const closing = first.answering.close(5000);
  first.started[0]?.end();
  await closing;

  expect(first.names()).toEqual(["m1"]);
  const left = await chat.claimEvent({ claimedBy: "next", nowMs: Date.now(), leaseMs: 1000 });
  expect(left?.id).toBe("e2");
});

test("close() resolves after its grace when an answer does not end", async () => {
  const { answering } = openInbox();
  await answering.accept("e1", message("m1"));
  await settle();

  const startedAtMs = performance.now();
  await answering.close(50);

  expect(performance.now() - startedAtMs).toBeLessThan(2000);
});

test("close() resolves after its grace when the store is away, and leaves what waits to its lease", async () => {
  const { chat } = openTempStore();
  let isAway = false;
  const renewEvent: typeof chat.renewEvent = (...args) =>
    isAway ? Promise.reject(new StoreUnreachableError("db:27017")) : chat.renewEvent(...args);
  const { answering, lines } = openInbox({ chat: { ...chat, renewEvent } });
  await answering.accept("e1", message("m1"));
  await answering.accept("e2", message("m2"));
  await settle();
  isAway = true;

  await answering.close(50);

  expect(lines.map(({ event }) => event)).toEqual(["inbox.left-to-next"]);
});

test("close() keeps a message that comes later for the next start", async () => {
  const path = makeTempFolder();
  const store = openTempStore(`${path}/reactune.db`);
  const { answering, started } = openInbox({ chat: store.chat });
  await answering.close(0);

  expect(await answering.accept("e1", message("m1"))).toMatchObject({ isNew: true });

  expect(started).toHaveLength(0);
  expect(await store.chat.claimEvent({ claimedBy: "next", nowMs: Date.now(), leaseMs: 1 })).toMatchObject({ id: "e1" });
});
