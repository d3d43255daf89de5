import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { HostOutageError } from "#inference/host-pool.ts";
import { watchSilence } from "#inference/silence-watch.ts";

function openWatch(firstMs: number, ask?: () => Promise<unknown>) {
  const watch = watchSilence(firstMs, ask);
  onTestFinished(() => watch.stop());
  return watch;
}

test("watchSilence() gives up a host that answers no question, long before its first word is due", async () => {
  const watch = openWatch(120_000, () => Promise.reject(new Error("no route to the host")));

  await sleep(10_000);

  expect(watch.signal.reason).toBeInstanceOf(HostOutageError);
});

test("watchSilence() waits for a host that loads a model as long as it answers", async () => {
  let asked = 0;
  const watch = openWatch(120_000, async () => {
    asked += 1;
  });

  await sleep(10_000);

  expect(watch.signal.aborted).toBe(false);
  expect(asked).toBeGreaterThan(2);
});

test("watchSilence() gives up a host that was silent for too long though it answers", async () => {
  const watch = openWatch(50, () => Promise.resolve());

  await sleep(200);

  expect(watch.signal.reason).toBeInstanceOf(HostOutageError);
});
