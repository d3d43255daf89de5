import { afterEach, expect, test, vi } from "vitest";
import type { ReplyPart } from "#bots/platform-connector.ts";
import { openReplyStream } from "#bots/stream-reply.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import type { Delivery } from "#core/inbox.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { memoryPlatform } from "../../fixtures/bots/memory-platform.ts";
import { recordingLog } from "./chat-world.ts";

const TARGET = { turnId: "t1", workspaceId: "local:home", channelId: "web", inReplyTo: "m1", askerId: "ana" };

afterEach(() => {
  vi.useRealTimers();
});

interface StreamOptions {
  readonly editIntervalMs?: number;
  readonly charsMax?: number;
  readonly isRetry?: boolean;
  readonly platform?: ReturnType<typeof memoryPlatform>;
  readonly chat?: ReturnType<typeof keepDeliveries>;
}

/** The clock is turned by hand here, and a disk takes its own time: what a store keeps of deliveries, at once. */
function keepDeliveries(): Pick<ChatStore, "saveDelivery" | "listDeliveries"> {
  const deliveries = new Map<string, Delivery>();
  return {
    saveDelivery: async (delivery) => void deliveries.set(`${delivery.turnId} ${delivery.part}`, delivery),
    listDeliveries: async (turnId) =>
      [...deliveries.values()]
        .filter((delivery) => delivery.turnId === turnId)
        .toSorted((one, other) => one.part - other.part),
  };
}

function openStream(options: StreamOptions = {}) {
  const { editIntervalMs = 0, charsMax = 100, isRetry = false } = options;
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  const platform = options.platform ?? memoryPlatform({ editIntervalMs, messageCharsMax: charsMax });
  const chat = options.chat ?? keepDeliveries();
  const { lines, log } = recordingLog();
  const stream = openReplyStream({ connector: platform.connector, chat, now: Date.now, log, isRetry }, TARGET);
  const places: (readonly string[])[] = [];
  const finish = async (text: string, actions: ReplyPart["actions"] = []) => {
    const done = stream.finish(
      text,
      async (posted, delivery) => {
        places.push([...posted.map(({ messageId }) => messageId), `after ${platform.writes.length}`]);
        if (delivery !== undefined) await chat.saveDelivery(delivery);
      },
      actions,
    );
    done.catch(() => {});
    await vi.runAllTimersAsync();
    await done;
  };
  return { platform, chat, lines, stream, places, finish };
}

const FOUR_PARTS = Array.from({ length: 4 }, (_, part) => `${part} `.repeat(40).trim());

test("finish() posts the whole text once when nothing was shown before", async () => {
  const { finish, platform, places, chat } = openStream();

  await finish("All of it", ["rate", "report"]);

  expect(platform.writes).toEqual([
    { act: "post", part: 0, text: "All of it", isFinal: true, actions: ["rate", "report"] },
  ]);
  expect(places).toEqual([["m-1", "after 1"]]);
  expect(await chat.listDeliveries("t1")).toMatchObject([{ state: "posted", messageId: "m-1" }]);
});

test("finish() leaves only the newest part's delivery to be stored with the places", async () => {
  const { platform, chat, stream } = openStream();
  const told: (Delivery | undefined)[] = [];
  const done = stream.finish(FOUR_PARTS.join("\n\n"), async (_posted, delivery) => void told.push(delivery));
  await vi.runAllTimersAsync();
  await done;

  expect(platform.shown()).toEqual(FOUR_PARTS);
  expect(told).toMatchObject([{ turnId: "t1", part: 3, state: "posted" }]);
  expect((await chat.listDeliveries("t1")).map(({ state }) => state)).toEqual([
    "posted",
    "posted",
    "posted",
    "planned",
  ]);
});

test("finish() tells the place before the final text when earlier text was shown", async () => {
  const { stream, finish, platform, places } = openStream();
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(1);

  await finish("Hello");

  expect(places).toEqual([["m-1", "after 1"]]);
  expect(platform.writes).toMatchObject([
    { act: "post", text: "Hel", isFinal: false, actions: ["stop"] },
    { act: "edit", text: "Hello", isFinal: true, actions: [] },
  ]);
});

test("update() shows nothing while the platform has no room to end what is begun, and finish() posts the whole", async () => {
  const platform = memoryPlatform({ editIntervalMs: 1000, messageCharsMax: 100 });
  const room = { isThere: false, asked: 0 };
  const hasRoomFor = async () => {
    room.asked++;
    return room.isThere;
  };
  const crowded = { ...platform, connector: { ...platform.connector, hasRoomFor } };
  const { stream, finish } = openStream({ platform: crowded });
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(3500);
  expect([platform.writes, room.asked]).toEqual([[], 4]);

  await finish("Hello");

  expect(platform.writes).toMatchObject([{ act: "post", text: "Hello", isFinal: true }]);
});

test.each(["finish", "abandon"] as const)(
  "%s() frees the room that was kept for the end of a reply, and of no other",
  async (end) => {
    const platform = memoryPlatform({ editIntervalMs: 1000, messageCharsMax: 100 });
    const left: unknown[] = [];
    const leaveRoom = async (part: unknown) => void left.push(part);
    const crowded = { ...platform, connector: { ...platform.connector, hasRoomFor: async () => true, leaveRoom } };
    const begun = openStream({ platform: crowded });
    begun.stream.update("Hel");
    await vi.advanceTimersByTimeAsync(500);
    expect(left).toEqual([]);

    await (end === "finish" ? begun.finish("Hello") : begun.stream.abandon());
    await openStream({ platform: crowded }).finish("Whole");

    expect(left).toEqual([{ turnId: "t1", part: 0 }]);
  },
);

test("update() shows the newest text when the platform has room again", async () => {
  const platform = memoryPlatform({ editIntervalMs: 1000, messageCharsMax: 100 });
  const room = { isThere: false };
  const crowded = { ...platform, connector: { ...platform.connector, hasRoomFor: async () => room.isThere } };
  const { stream } = openStream({ platform: crowded });
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(500);
  stream.update("Hello");
  room.isThere = true;
  await vi.advanceTimersByTimeAsync(600);

  expect(platform.writes).toMatchObject([{ act: "post", text: "Hello", isFinal: false }]);
});

test("update() shows no more often than the platform allows, and always the newest text", async () => {
  const { stream, finish, platform } = openStream({ editIntervalMs: 1000 });
  for (let length = 1; length <= 35; length++) {
    stream.update("x".repeat(length));
    await vi.advanceTimersByTimeAsync(100);
  }
  await finish("x".repeat(36));

  expect(platform.writes.map(({ text }) => text.length)).toEqual([1, 10, 20, 30, 36]);
});

test("finish() comes after an edit that is under way, and nothing comes after it", async () => {
  const { stream, finish, platform } = openStream();
  platform.state.delayMs = 500;
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(10);
  stream.update("Hell");
  const finishing = finish("Hello");
  stream.update("too late");
  await finishing;

  expect(platform.writes.map(({ text }) => text)).toEqual(["Hel", "Hello"]);
});

test("update() shows a long text in several messages, each completed before the next begins", async () => {
  const { stream, finish, platform, places, chat } = openStream();
  const text = FOUR_PARTS.join("\n\n");
  for (let length = 1; length <= text.length; length += 5) {
    stream.update(text.slice(0, length));
    await vi.advanceTimersByTimeAsync(50);
  }
  await finish(text, ["rate"]);

  expect(platform.shown()).toEqual(FOUR_PARTS);
  expect(places.at(-1)?.slice(0, 4)).toEqual(["m-1", "m-2", "m-3", "m-4"]);
  expect([...platform.messages.values()].map(({ actions }) => actions)).toEqual([[], [], [], ["rate"]]);
  expect(await chat.listDeliveries("t1")).toMatchObject(
    [0, 1, 2, 3].map((part) => ({ part, state: "posted", messageId: `m-${part + 1}` })),
  );
});

test("finish() edits only the parts that changed", async () => {
  const { stream, finish, platform } = openStream();
  const text = FOUR_PARTS.join("\n\n");
  stream.update(text);
  await vi.advanceTimersByTimeAsync(100);
  const before = platform.writes.length;
  await finish(text);

  expect(platform.writes.slice(before)).toMatchObject([{ act: "edit", part: 3, isFinal: true }]);
});

test("finish() removes the messages that a shorter text leaves over", async () => {
  const { stream, finish, platform } = openStream();
  stream.update(FOUR_PARTS.join("\n\n"));
  await vi.advanceTimersByTimeAsync(100);
  await finish("Short after all");

  expect(platform.shown()).toEqual(["Short after all"]);
});

test("update() skips an edit that fails; the final text is tried again until it is there", async () => {
  const { platform, stream, finish, lines } = openStream();
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(1);
  platform.failNext(4);
  stream.update("Hell");
  await vi.advanceTimersByTimeAsync(0);
  await finish("Hello");

  expect(platform.shown()).toEqual(["Hello"]);
  expect(lines.map(({ event }) => event)).toContain("reply.retried");
});

test("update() tries the first words again at once when their post fails, and edits only as often as allowed", async () => {
  const { platform, stream } = openStream({ editIntervalMs: 1000 });
  const startedAtMs = Date.now();
  const triedAtMs: number[] = [];
  platform.disturbBy((when) => {
    if (when !== "before") return;
    triedAtMs.push(Date.now() - startedAtMs);
    if (triedAtMs.length < 3 || triedAtMs.length === 4) throw new Error("Platform is down");
  });
  for (let length = 1; length <= 30; length++) {
    stream.update("x".repeat(length));
    await vi.advanceTimersByTimeAsync(100);
  }

  expect(triedAtMs.map((atMs) => Math.round(atMs / 10) * 10)).toEqual([0, 50, 250, 1250, 2250]);
});

test("finish() tries a reply of which nothing is shown yet again sooner than an edit", async () => {
  const { platform, stream } = openStream();
  platform.failNext(2);
  const done = stream.finish("Hello", async () => {});
  await vi.advanceTimersByTimeAsync(300);

  expect(platform.shown()).toEqual(["Hello"]);
  await done;
});

test("finish() looks for a post of unknown outcome before it posts again", async () => {
  const { platform, finish } = openStream();
  // The message arrives, the answer to it does not.
  platform.failNext(1, "after");
  await finish("All of it");

  expect(platform.shown()).toEqual(["All of it"]);
  expect(platform.messages.size).toBe(1);
});

test("finish() goes on after a kill with what was posted, and posts only what was not", async () => {
  const { platform, chat, stream } = openStream();
  const text = FOUR_PARTS.join("\n\n");
  await chat.saveDelivery({ turnId: "t1", part: 0, state: "planned", changedAtMs: 0 });
  stream.update(text.slice(0, 170));
  await vi.advanceTimersByTimeAsync(100);
  // The third was planned and posted; the program was killed before it could say so.
  await chat.saveDelivery({ turnId: "t1", part: 2, state: "planned", changedAtMs: 0 });
  const lost = { ...TARGET, part: 2, text: "2", isFinal: false, actions: [] };
  await platform.connector.post(lost);
  const again = openStream({ platform, chat, isRetry: true });
  await again.finish(text);

  expect(platform.shown()).toEqual(FOUR_PARTS);
});

test("finish() posts when a reply that was begun before was never posted", async () => {
  const { finish, platform } = openStream({ isRetry: true });

  await finish("Hello");

  expect(platform.writes).toMatchObject([{ act: "post", text: "Hello" }]);
});

test("finish() posts a deleted message anew, once, and tells its new place", async () => {
  const { stream, finish, platform, places } = openStream();
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(1);
  platform.messages.clear();
  await finish("Hello");

  expect(platform.shown()).toEqual(["Hello"]);
  expect(places.at(-1)?.[0]).toBe("m-2");
});

test("finish() gives up with a word in the log when the platform refuses for good", async () => {
  const { finish, platform, lines, places } = openStream();
  platform.state.refuse = new PlatformRefusedError("post to the channel", "permission", "Give the bot the permission");
  await finish("Hello");

  expect(places).toEqual([]);
  expect(lines).toMatchObject([{ event: "reply.undeliverable", fields: { turnId: "t1", reason: "permission" } }]);
});

test("finish() rejects when the platform refuses the credentials: with fresh ones the text can still be shown", async () => {
  const { finish, platform, places } = openStream();
  platform.state.refuse = new PlatformRefusedError("connect", "credentials", "Copy a fresh token");

  await expect(finish("Hello")).rejects.toMatchObject({ reason: "credentials" });
  expect(places).toEqual([]);
});

test("finish() rejects when the platform fails for a minute", async () => {
  const { finish, platform } = openStream();
  platform.failNext(100);

  await expect(finish("Hello")).rejects.toThrow("Platform is down");
  expect(platform.tries).toBe(6);
});

test("offer() puts the emoji under the last part", async () => {
  const { stream, finish, platform } = openStream();
  await finish(FOUR_PARTS.join("\n\n"));
  await stream.offer(["👍", "👎"]);

  expect(platform.messages.get("m-4")?.emoji).toEqual(["👍", "👎"]);
});
