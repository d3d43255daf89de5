import { expect, test } from "vitest";
import { createCallWindows } from "#bots/slack/call-windows.ts";

function openWindows() {
  const clock = { nowMs: 1_800_000_000_000 };
  const windows = createCallWindows(() => clock.nowMs);
  /** Makes calls as soon as they may be made; returns when each was, from the start on. */
  const callAll = (count: number, method: string, channelId?: string) => {
    const startedAtMs = clock.nowMs;
    return Array.from({ length: count }, () => {
      clock.nowMs += Math.max(0, windows.waitMs(method, channelId));
      windows.begin(method, channelId)();
      return clock.nowMs - startedAtMs;
    });
  };
  return { clock, windows, callAll };
}

test("waitMs() lets no minute hold more calls of a method than Slack allows", () => {
  const { callAll } = openWindows();

  const atMs = callAll(150, "chat.update");

  expect(atMs[49]).toBe(0);
  expect(atMs[50]).toBe(60_000);
  for (const [index, at] of atMs.entries()) expect(at - (atMs[index - 50] ?? -60_000)).toBeGreaterThanOrEqual(60_000);
});

test("waitMs() counts posts by their channel, three in about three seconds", () => {
  const { callAll, clock } = openWindows();

  expect(callAll(4, "chat.postMessage", "C1")).toEqual([0, 0, 0, 3000]);
  clock.nowMs -= 3000;
  expect(callAll(3, "chat.postMessage", "C2")).toEqual([0, 0, 0]);
});

test("waitMs() holds up no method that Slack does not limit, and none for the sake of another", () => {
  const { callAll, windows } = openWindows();
  callAll(20, "chat.startStream");

  expect(windows.waitMs("chat.startStream", undefined)).toBe(60_000);
  expect(windows.waitMs("chat.update", undefined)).toBe(0);
  expect(callAll(1000, "auth.test").at(-1)).toBe(0);
});

test("left() counts what a minute still holds, and nothing against a method without a limit", () => {
  const { callAll, windows, clock } = openWindows();

  callAll(48, "chat.update");
  expect(windows.left("chat.update")).toBe(2);
  const end = windows.begin("chat.update", undefined);
  expect(windows.left("chat.update")).toBe(1);
  end();
  clock.nowMs += 60_000;
  expect(windows.left("chat.update")).toBe(50);
  expect(windows.left("auth.test")).toBe(Number.POSITIVE_INFINITY);
});

test("hasSpare() keeps two of five edits for those that end a reply", () => {
  const { callAll, windows, clock } = openWindows();

  callAll(29, "chat.update");
  expect(windows.hasSpare("chat.update")).toBe(true);
  callAll(1, "chat.update");
  expect(windows.hasSpare("chat.update")).toBe(false);
  clock.nowMs += 60_000;
  expect(windows.hasSpare("chat.update")).toBe(true);
});

test("waitMs() counts a call from its sending until a minute after its answer", () => {
  const { windows, clock } = openWindows();
  const ends = Array.from({ length: 20 }, () => windows.begin("chat.startStream", undefined));

  clock.nowMs += 120_000;
  expect(windows.waitMs("chat.startStream", undefined)).toBeGreaterThan(0);
  for (const end of ends) end();
  expect(windows.waitMs("chat.startStream", undefined)).toBe(60_000);
  clock.nowMs += 60_000;
  expect(windows.waitMs("chat.startStream", undefined)).toBe(0);
});
