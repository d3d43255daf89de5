import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NotReadyError, RedisUnavailableError, TrainingUnavailableError } from "#core/errors.ts";
import type { Run, RunState } from "#core/learning.ts";
import { sqliteJobTable } from "#jobs/sqlite/job-table.ts";
import { cancelTraining, requestTraining, settleRun, TRAIN_JOB } from "#trainer/request-training.ts";
import { runFiles } from "#trainer/run-files.ts";
import { tendRuns } from "#trainer/tend-runs.ts";
import { openTrainingWorld, type TrainingWorldOptions } from "./training-world.ts";

const ACT = { by: "operator" };

async function openRequests(options: TrainingWorldOptions = {}) {
  const world = await openTrainingWorld({ liked: 5, ...options });
  const { learning } = world.store;
  return {
    ...world,
    learning,
    ask: (given: Partial<Parameters<typeof requestTraining>[2]> = {}) =>
      requestTraining(world.request, world.scope, { ...ACT, ...given }),
    cancel: (runId: string) => cancelTraining(world.request, runId, "operator"),
    /** A worker that takes the next job and ends it as told. */
    async work(end: (signal: AbortSignal) => Promise<void>): Promise<void> {
      const stop = new AbortController();
      await world.request.jobs.work(
        TRAIN_JOB,
        async (_, signal) => {
          await end(signal).finally(() => stop.abort());
        },
        { parallel: 1, leaseMs: 1000, signal: stop.signal },
      );
    },
  };
}

test("requestTraining() stores a run and queues it under its scope when readiness is green", async () => {
  const { ask, learning, request } = await openRequests();

  const run = await ask();

  expect(run).toMatchObject({ state: "queued", requestedBy: "operator", examplesEver: 5, attempts: 0 });
  expect(await learning.findRun(run.id)).toEqual(run);
  expect(await request.jobs.get(run.id)).toMatchObject({ state: "queued", kind: "train", payload: { runId: run.id } });
});

test("requestTraining() rejects with NotReadyError when readiness is not green, unless it is forced", async () => {
  const { ask, learning } = await openRequests({ liked: 2 });

  await expect(ask()).rejects.toThrow(NotReadyError);
  expect(await learning.listRuns({ limit: 10 })).toEqual([]);
  expect(await ask({ isForced: true })).toMatchObject({ state: "queued" });
});

test("requestTraining() rejects with TrainingUnavailableError when fine-tuning is switched off", async () => {
  const { request, scope } = await openRequests();

  const asking = requestTraining({ ...request, isEnabled: false }, scope, ACT);

  await expect(asking).rejects.toThrow(TrainingUnavailableError);
});

test("requestTraining() gives the run that is under way when there is one", async () => {
  const { ask, learning } = await openRequests();
  const first = await ask();
  await learning.saveRun({ ...first, state: "training" });

  expect((await ask()).id).toBe(first.id);
  expect(await learning.listRuns({ limit: 10 })).toHaveLength(1);
});

test("requestTraining() gives one run to all who ask at once", async () => {
  const { ask, learning } = await openRequests();

  const runs = await Promise.all([ask(), ask({ by: "somebody else" }), ask()]);

  expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
  expect(await learning.listRuns({ limit: 10 })).toHaveLength(1);
});

test("requestTraining() makes a new run after the newest one, whatever another machine's clock says of it", async () => {
  const { ask, learning } = await openRequests();
  const first = await ask();
  await learning.saveRun({ ...first, state: "failed", requestedAtMs: first.requestedAtMs + 3_600_000 });
  const second = await ask();
  await learning.saveRun({ ...second, state: "failed" });

  expect([first.id, second.id]).not.toContain((await ask()).id);
});

test("requestTraining() keeps the run for who tends runs when the queue cannot be reached", async () => {
  const { ask, request, scope, learning } = await openRequests();
  const jobs = {
    ...request.jobs,
    async enqueue() {
      throw new RedisUnavailableError("127.0.0.1:1", "it is not connected");
    },
  };

  const run = await requestTraining({ ...request, jobs }, scope, ACT);

  expect(await learning.findRun(run.id)).toMatchObject({ state: "queued" });
  expect((await ask()).id).toBe(run.id);
  expect(await request.jobs.get(run.id)).toMatchObject({ state: "queued" });
});

test("requestTraining() makes a new run after the last one ended", async () => {
  const { ask, learning } = await openRequests();
  const first = await ask();
  await learning.saveRun({ ...first, state: "failed" });

  expect((await ask()).id).not.toBe(first.id);
});

test("requestTraining() queues a run again when a kill came between its record and its job", async () => {
  const { ask, queueRun, request } = await openRequests();
  await queueRun();

  expect((await ask()).id).toBe("run-1");
  expect(await request.jobs.get("run-1")).toMatchObject({ state: "queued" });
});

test("requestTraining() does not wait for a run whose job failed for good without it", async () => {
  const { ask, learning, request } = await openRequests();
  const lost = await ask();
  await learning.saveRun({ ...lost, state: "training" });
  const stop = new AbortController();
  const fail = () => Promise.reject(new Error("The worker was killed"));
  const working = request.jobs.work(TRAIN_JOB, fail, { parallel: 1, leaseMs: 1000, signal: stop.signal });
  while ((await request.jobs.get(lost.id))?.state !== "failed") await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await working;

  expect((await ask()).id).not.toBe(lost.id);
  expect(await learning.findRun(lost.id)).toMatchObject({
    state: "failed",
    error: { code: "RUN_LOST", message: "The worker was killed" },
  });
});

test.each<RunState>(["activated", "rejected", "failed", "cancelled", "waiting-for-approval"])(
  "settleRun() leaves a run alone when it is %s",
  async (state) => {
    const { queueRun, request } = await openRequests();
    const run = await queueRun({ state });

    expect(await settleRun(request, run)).toBe(run);
    expect(await request.jobs.get(run.id)).toBeUndefined();
  },
);

test("cancelTraining() ends a queued run at once", async () => {
  const { ask, cancel, learning, request } = await openRequests();
  const { id } = await ask();

  expect(await cancel(id)).toBe(true);
  expect(await learning.findRun(id)).toMatchObject({ state: "cancelled", verdict: "Cancelled by operator" });
  expect(await request.jobs.get(id)).toMatchObject({ state: "cancelled" });
});

test("cancelTraining() stops the worker of a running run, which then says how it ended", async () => {
  const { ask, cancel, learning, work } = await openRequests();
  const run = await ask();
  const working = work(async (signal) => {
    await learning.saveRun({ ...run, state: "training" });
    // What is saved is seen before the save resolves.
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
  while ((await learning.findRun(run.id))?.state !== "training") await new Promise((resolve) => setTimeout(resolve, 5));

  expect(await cancel(run.id)).toBe(true);
  await working;
  expect((await learning.findRun(run.id))?.state).toBe("training");
});

test("cancelTraining() ends a run whose worker is dead", async () => {
  const { ask, cancel, learning, store, clock } = await openRequests();
  const run = await ask();
  // A worker that was killed: it holds the job and never says anything again.
  sqliteJobTable(store.jobsDatabase).claim(TRAIN_JOB, "dead", 30_000, clock.nowMs);
  await learning.saveRun({ ...run, state: "training" });
  clock.nowMs += 60_000;

  expect(await cancel(run.id)).toBe(true);
  expect(await learning.findRun(run.id)).toMatchObject({ state: "cancelled", endedAtMs: expect.any(Number) });
});

test("cancelTraining() is false when the run had ended, or never was", async () => {
  const { cancel, queueRun } = await openRequests();
  await queueRun({ state: "activated" });

  expect(await cancel("run-1")).toBe(false);
  expect(await cancel("run-unknown")).toBe(false);
});

test("tendRuns() queues what has no job, and removes the words of runs that ended or are unknown", async () => {
  const { queueRun, request, run, learning } = await openRequests();
  const runsDirectory = run.settings.runsDirectory;
  const states: [string, Run["state"]][] = [
    ["run-1", "queued"],
    ["run-2", "cancelled"],
  ];
  for (const [id, state] of states) await queueRun({ id, state });
  const dataOf = (id: string) => runFiles(runsDirectory, id).data;
  for (const id of ["run-1", "run-2", "run-unknown"]) {
    mkdirSync(dataOf(id), { recursive: true });
    writeFileSync(join(dataOf(id), "train.jsonl"), "words of people");
  }

  await tendRuns({ ...request, runsDirectory });
  await tendRuns({ ...request, runsDirectory });

  expect(["run-1", "run-2", "run-unknown"].filter((id) => existsSync(dataOf(id)))).toEqual(["run-1"]);
  expect(await request.jobs.get("run-1")).toMatchObject({ state: "queued" });
  expect(await request.jobs.get("run-2")).toBeUndefined();
  expect(await learning.findRun("run-1")).toMatchObject({ state: "queued" });
});

test("tendRuns() does nothing when no run was ever made", async () => {
  const { request, run } = await openRequests();

  await tendRuns({ ...request, runsDirectory: run.settings.runsDirectory });
});
