import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { jobQueueContract } from "../../../contract/job-queue.ts";

function openDatabase(path = join(mkdtempSync(join(tmpdir(), "reactune-jobs-")), "reactune.db")) {
  const store = openSqliteStore({ path, now: Date.now });
  onTestFinished(() => {
    store.close();
    rmSync(join(path, ".."), { recursive: true, force: true });
  });
  return store.jobsDatabase;
}

function openQueue(
  database: ReturnType<typeof openDatabase>,
  options: { now?: () => number; random?: () => number } = {},
) {
  return sqliteJobQueue({ database, now: Date.now, pollMs: 20, retryMs: 5, ...options });
}

jobQueueContract(async () => {
  const database = openDatabase();
  return [openQueue(database), openQueue(openDatabase(database.path))];
});

const request = { id: "j1", kind: "train", key: "support", payload: null, priority: 0, attemptsMax: 3 };

/** Leaves a job as a killed worker leaves it: running, with a lease that nobody renews. */
async function runAndDie(database: ReturnType<typeof openDatabase>, nowMs: number): Promise<void> {
  const queue = openQueue(database, { now: () => nowMs });
  const controller = new AbortController();
  void queue.work("train", () => new Promise(() => {}), { parallel: 1, leaseMs: 1000, signal: controller.signal });
  await vi.waitFor(async () => expect((await queue.get("j1"))?.state).toBe("running"));
  // The worker is left behind: its runner never ends and its clock stands still, so that it renews no more.
  controller.abort();
}

test("work() takes a job over when its worker died, and counts the try", async () => {
  const database = openDatabase();
  const clock = { nowMs: 1000 };
  const queue = openQueue(openDatabase(database.path), { now: () => clock.nowMs });
  await queue.enqueue(request);
  await runAndDie(database, clock.nowMs);
  const controller = new AbortController();
  const attempts: number[] = [];
  const work = queue.work("train", async (job) => void attempts.push(job.attempts), {
    parallel: 1,
    leaseMs: 1000,
    signal: controller.signal,
  });
  await sleep(80);
  expect(attempts).toEqual([]);

  clock.nowMs += 1000;
  await vi.waitFor(() => expect(attempts).toEqual([2]));
  controller.abort();
  await work;
});

test("work() fails a job when its last worker died", async () => {
  const database = openDatabase();
  const clock = { nowMs: 1000 };
  const queue = openQueue(openDatabase(database.path), { now: () => clock.nowMs });
  await queue.enqueue({ ...request, attemptsMax: 1 });
  await runAndDie(database, clock.nowMs);
  clock.nowMs += 1000;
  const controller = new AbortController();
  const work = queue.work("train", async () => {}, { parallel: 1, leaseMs: 1000, signal: controller.signal });

  await vi.waitFor(async () => expect(await queue.get("j1")).toMatchObject({ state: "failed", attempts: 1 }));
  controller.abort();
  await work;
});

test.each([
  { attempts: 1, random: 0, waitMs: 500 },
  { attempts: 1, random: 0.999, waitMs: 1499 },
  { attempts: 3, random: 0.5, waitMs: 4000 },
  { attempts: 30, random: 0.5, waitMs: 300_000 },
])("work() waits $waitMs ms after try $attempts when the draw is $random", async ({ attempts, random, waitMs }) => {
  const clock = { nowMs: 0 };
  const database = openDatabase();
  const queue = sqliteJobQueue({ database, now: () => clock.nowMs, pollMs: 5, random: () => random });
  await queue.enqueue({ ...request, attemptsMax: 99 });
  database.prepare("UPDATE job SET attempts = :tried").run({ tried: attempts - 1 });
  const controller = new AbortController();
  const tried: number[] = [];
  const run = async () => {
    tried.push(clock.nowMs);
    throw new Error("no");
  };
  const work = queue.work("train", run, { parallel: 1, leaseMs: 1_000_000, signal: controller.signal });
  await vi.waitFor(async () => expect(await queue.get("j1")).toMatchObject({ state: "queued", error: "no" }));

  clock.nowMs = waitMs - 1;
  await sleep(40);
  expect(tried).toEqual([0]);
  clock.nowMs = waitMs;
  await vi.waitFor(() => expect(tried).toEqual([0, waitMs]));
  controller.abort();
  await work;
});
