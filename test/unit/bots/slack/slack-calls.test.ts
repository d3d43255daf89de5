import type { webApi } from "@slack/bolt";
import { expect, test } from "vitest";
import { createSlackCalls } from "#bots/slack/slack-calls.ts";

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
