import type { webApi } from "@slack/bolt";
import { expect, test } from "vitest";
import { createSlackCalls, SlackBusyError } from "#bots/slack/slack-calls.ts";
import { memoryWindows } from "../../../fixtures/fleet/memory-windows.ts";

/** Slack's minute in 300 ms of ours. */
const SPEED_UP = 200;

test("run() makes no more calls in a minute than Slack takes, however many wait for the same one", async () => {
  const startedAt = Date.now();
  const now = () => startedAt + (Date.now() - startedAt) * SPEED_UP;
  const client = {} as webApi.WebClient; // each call says what it does with it
  const calls = createSlackCalls(client, now);
  const madeAtMs: number[] = [];
  const kind = { method: "chat.update", what: "edit", urgency: "must", isRepeatable: true } as const;

  const update = () => calls.run(kind, async () => void madeAtMs.push(now()));
  await Promise.all(Array.from({ length: 160 }, update));

  expect(madeAtMs).toHaveLength(160);
  for (const [index, atMs] of madeAtMs.entries()) {
    if (index >= 50) expect(atMs - (madeAtMs[index - 50] ?? 0)).toBeGreaterThanOrEqual(60_000);
  }
});

test("run() of several processes makes no more calls in a minute than Slack takes from all of them", async () => {
  const startedAt = Date.now();
  const now = () => startedAt + (Date.now() - startedAt) * SPEED_UP;
  const client = {} as webApi.WebClient; // each call says what it does with it
  const windows = memoryWindows(now);
  const processes = [1, 2, 3].map(() => createSlackCalls(client, now, { windows, name: "slack T1" }));
  const madeAtMs: number[] = [];
  const kind = { method: "chat.update", what: "edit", urgency: "must", isRepeatable: true } as const;

  const update = (calls: (typeof processes)[number]) => calls.run(kind, async () => void madeAtMs.push(now()));
  await Promise.all(processes.flatMap((calls) => Array.from({ length: 25 }, () => update(calls))));

  expect(madeAtMs).toHaveLength(75);
  for (const [index, atMs] of madeAtMs.toSorted((a, b) => a - b).entries()) {
    if (index >= 50) expect(atMs - (madeAtMs[index - 50] ?? 0)).toBeGreaterThanOrEqual(60_000);
  }
});

test("run() leaves out what it can while other processes use Slack's minute up", async () => {
  const windows = memoryWindows(Date.now);
  const client = {} as webApi.WebClient; // each call says what it does with it
  const [one, other] = [1, 2].map(() => createSlackCalls(client, Date.now, { windows, name: "slack T1" }));
  const kind = { method: "chat.startStream", what: "stream", isRepeatable: false } as const;
  for (let call = 0; call < 14; call++) await one?.run({ ...kind, urgency: "must" }, async () => {});

  await expect(other?.run({ ...kind, urgency: "can-skip" }, async () => {})).rejects.toThrow(SlackBusyError);
  await other?.run({ ...kind, urgency: "must" }, async () => {});
});

test("hasRoomOfAll() and left() count what other processes called", async () => {
  const windows = memoryWindows(Date.now);
  const client = {} as webApi.WebClient; // each call says what it does with it
  const [one, other] = [1, 2].map(() => createSlackCalls(client, Date.now, { windows, name: "slack T1" }));
  const call = (method: string) =>
    one?.run({ method, what: "write", isRepeatable: false, urgency: "must" }, async () => {});
  const before = await other?.hasRoomOfAll("chat.startStream");
  for (let made = 0; made < 14; made++) await call("chat.startStream");
  await call("chat.update");

  expect([before, await other?.hasRoomOfAll("chat.startStream")]).toEqual([true, false]);
  expect(other?.hasRoom("chat.startStream")).toBe(true);
  expect(await other?.left("chat.update")).toBe(49);
});
