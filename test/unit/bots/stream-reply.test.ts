import { afterEach, expect, test, vi } from "vitest";
import type { ReplyPart } from "#bots/platform-connector.ts";
import { openReplyStream } from "#bots/stream-reply.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";
import { recordingConnector } from "./chat-world.ts";

const TARGET = {
  turnId: "t1",
  workspaceId: "local:home",
  channelId: "web",
  inReplyTo: "m1",
  part: 0,
  askerId: "ana",
  actions: [],
};

afterEach(() => {
  vi.useRealTimers();
});

function openStream(editIntervalMs = 0, isRetry = false) {
  const platform = recordingConnector(editIntervalMs);
  const { chat } = openTempStore();
  const skipped: unknown[] = [];
  const stream = openReplyStream(
    { connector: platform.connector, chat, now: Date.now, isRetry, onSkippedEdit: (error) => skipped.push(error) },
    TARGET,
  );
  const places: string[] = [];
  const finish = (text: string) =>
    stream.finish(text, async ({ messageId }) => {
      places.push(`${messageId} after ${platform.shown.length}`);
    });
  return { ...platform, chat, skipped, stream, places, finish };
}

function holdTime(): void {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
}

function failTimes(times: number) {
  let left = times;
  return (_act: "post" | "edit", _part: ReplyPart) => {
    if (left-- > 0) throw new Error("Rate limited");
  };
}

test("finish() posts the whole text once when nothing was shown before", async () => {
  const { finish, shown, places, chat } = openStream();

  await finish("All of it");

  expect(shown).toEqual([{ act: "post", text: "All of it", isFinal: true }]);
  expect(places).toEqual(["t1.0 after 1"]);
  expect(await chat.listDeliveries("t1")).toMatchObject([{ state: "posted", messageId: "t1.0" }]);
});

test("finish() tells the place before the final text when earlier text was shown", async () => {
  holdTime();
  const { stream, finish, shown, places } = openStream();
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(1);

  await finish("Hello");

  expect(places).toEqual(["t1.0 after 1"]);
  expect(shown).toEqual([
    { act: "post", text: "Hel", isFinal: false },
    { act: "edit", text: "Hello", isFinal: true },
  ]);
});

test("update() shows no more often than the platform allows, and always the newest text", async () => {
  holdTime();
  const { stream, finish, shown } = openStream(1000);
  for (let length = 1; length <= 35; length++) {
    stream.update("x".repeat(length));
    await vi.advanceTimersByTimeAsync(100);
  }
  await finish("x".repeat(36));

  expect(shown.map(({ text }) => text.length)).toEqual([1, 10, 20, 30, 36]);
});

test("finish() comes after an edit that is under way, and nothing comes after it", async () => {
  holdTime();
  const { connector, stream, finish, shown } = openStream();
  const post = connector.post.bind(connector);
  connector.post = async (part) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return post(part);
  };
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(10);
  stream.update("Hell");
  const finishing = finish("Hello");
  stream.update("too late");
  await vi.advanceTimersByTimeAsync(5000);
  await finishing;

  expect(shown).toEqual([
    { act: "post", text: "Hel", isFinal: false },
    { act: "edit", text: "Hello", isFinal: true },
  ]);
});

test("update() skips an edit that fails; the next one carries the whole text", async () => {
  holdTime();
  const { state, stream, finish, shown, skipped } = openStream();
  stream.update("Hel");
  await vi.advanceTimersByTimeAsync(1);
  state.fail = failTimes(1);
  stream.update("Hell");
  await vi.advanceTimersByTimeAsync(1);

  await finish("Hello");

  expect(skipped).toMatchObject([{ message: "Rate limited" }]);
  expect(shown.map(({ text }) => text)).toEqual(["Hel", "Hello"]);
});

test("update() keeps the pace when posting fails, and looks for a lost post before it posts again", async () => {
  holdTime();
  const { state, stream, finish, shown, skipped } = openStream(1000);
  state.fail = failTimes(2);
  for (let length = 1; length <= 15; length++) {
    stream.update("x".repeat(length));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(skipped).toHaveLength(2);
  state.reconciled = "found";
  await finish("All of it");

  expect(state.reconciliations).toBe(2);
  expect(shown).toEqual([{ act: "edit", text: "All of it", isFinal: true }]);
});

test("finish() looks for an earlier post when the reply was begun before a kill", async () => {
  const { state, finish, shown, places } = openStream(0, true);
  state.reconciled = "posted-before";

  await finish("Hello");

  expect(shown).toEqual([{ act: "edit", text: "Hello", isFinal: true }]);
  expect(places).toEqual(["posted-before after 1"]);
});

test("finish() posts when a reply that was begun before was never posted", async () => {
  const { finish, shown } = openStream(0, true);

  await finish("Hello");

  expect(shown).toEqual([{ act: "post", text: "Hello", isFinal: true }]);
});

test("finish() rejects when the platform refuses the final text", async () => {
  const { state, finish } = openStream();
  state.fail = failTimes(1);

  await expect(finish("Hello")).rejects.toThrow("Rate limited");
});
