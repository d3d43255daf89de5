import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "#config/schema.ts";
import { describeError, isOutage } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { parseQuietHours } from "#core/quiet-hours.ts";
import type { Job } from "#jobs/job-queue.ts";
import type { ActivateParts, ServingEngine } from "#trainer/activate-adapter.ts";
import { finishRun, giveUpRun } from "#trainer/finish-run.ts";
import { type RequestParts, TRAIN_JOB } from "#trainer/request-training.ts";
import { scheduleTraining } from "#trainer/schedule-training.ts";
import { tendRuns } from "#trainer/tend-runs.ts";
import { dataPaths } from "./data-paths.ts";
import { newId, sha256 } from "./identity.ts";
import { runInWorker } from "./run-worker.ts";
import type { Stores } from "./stores.ts";
import { missingForTraining, readinessSettings } from "./training-settings.ts";

export interface OpenTrainer {
  readonly request: RequestParts;
  readonly activate: ActivateParts;
  /** Takes runs from the queue until it is closed. */
  work(): void;
  /** Looks hourly (`trainer.schedule`) which scopes are due. */
  schedule(): Promise<void>;
  close(): Promise<void>;
}

/** What asks for runs and changes what is in service: the same for the trainer, the pages and the commands. */
export function trainerParts(config: Config, stores: Stores, log: Log): Pick<OpenTrainer, "request" | "activate"> {
  const activate: ActivateParts = { ...stores, now: Date.now, newId, log };
  const request: RequestParts = {
    learning: stores.learning,
    people: stores.people,
    jobs: stores.jobs,
    events: stores.events,
    readiness: readinessSettings(config),
    isEnabled: config.trainer.enabled,
    now: Date.now,
    newId,
    log,
  };
  return { activate, request };
}

/** A worker that has not renewed its job for this long is taken for dead. */
const LEASE_MS = 15_000;
/** A job that used up its attempts is failed by the queue, which knows nothing of runs: its run is looked for this often. */
const TEND_MS = 10_000;
const QUEUE_RETRY_MS = 2000;
const OUTAGE_FIRST_MS = 1000;
const OUTAGE_LONGEST_MS = 8000;
/** Past that the job's tries are used up by it: an engine may be away for good. */
const OUTAGE_MAX_MS = 3_600_000;

export function openTrainer(
  config: Config,
  stores: Stores,
  openServing: () => Promise<ServingEngine>,
  log: Log,
): OpenTrainer {
  const stop = new AbortController();
  let working: Promise<void> = Promise.resolve();
  let stopSchedule: (() => void) | undefined;
  let tending: NodeJS.Timeout | undefined;
  const { activate, request } = trainerParts(config, stores, log);

  /** An outage is waited for, since it uses up no try: the job stays ours. */
  async function run(job: Job, signal: AbortSignal): Promise<void> {
    const startedAtMs = Date.now();
    for (let waitMs = OUTAGE_FIRST_MS; !(await isRunEnded(job, signal, startedAtMs)); waitMs *= 2) {
      log.warn({ runId: job.id }, "run.waits-for-servers");
      await sleep(Math.min(waitMs, OUTAGE_LONGEST_MS), undefined, { signal });
    }
  }

  /** False while a server is away. */
  async function isRunEnded(job: Job, signal: AbortSignal, startedAtMs: number): Promise<boolean> {
    try {
      const end = await runInWorker(config, job.id, log, { signal, isCancel: () => !stop.signal.aborted });
      if (end === "interrupted") return false;
      await finishRun(activate, openServing, job.id, config.trainer.promotion);
      return true;
    } catch (error) {
      if (isOutage(error) && !signal.aborted && Date.now() - startedAtMs < OUTAGE_MAX_MS) return false;
      if (!stop.signal.aborted && job.attempts >= job.attemptsMax) {
        await giveUpRun(activate, job.id, error);
        await tend();
      }
      throw error;
    }
  }

  async function tend(): Promise<void> {
    try {
      const { datasets } = stores;
      await tendRuns({
        ...request,
        runsDirectory: dataPaths(config.data).runs,
        ...(datasets === undefined ? {} : { datasets }),
      });
    } catch (error) {
      if (isOutage(error)) log.warn({ reason: describeError(error) }, "runs.not-tended");
      else log.error({ err: error }, "runs.not-tended");
    }
  }

  /** A queue that fails is taken up again: a trainer that runs and takes no job would be missed by nobody. */
  async function takeJobs(): Promise<void> {
    const { parallelRuns: parallel } = config.trainer;
    while (!stop.signal.aborted) {
      try {
        await stores.jobs.work(TRAIN_JOB, run, { parallel, leaseMs: LEASE_MS, signal: stop.signal });
      } catch (error) {
        log.error({ err: error }, "queue.failed");
        await sleep(QUEUE_RETRY_MS, undefined, { signal: stop.signal }).catch(() => {}); // stopping
      }
    }
  }

  return {
    request,
    activate,
    work() {
      tending = setInterval(() => void tend(), TEND_MS).unref();
      working = tend().then(takeJobs);
    },
    async schedule() {
      const { schedule } = await import("node-cron");
      const { trainer } = config;
      const missing = missingForTraining(config);
      if (missing !== undefined) log.warn({ reason: missing.why, hint: missing.hint }, "training.unavailable");
      const look = async () => {
        if (missingForTraining(config) !== undefined) return;
        const decisions = await scheduleTraining(
          request,
          {
            intervalDays: trainer.intervalDays,
            ...(trainer.quietHours === undefined ? {} : { quietHours: parseQuietHours(trainer.quietHours) }),
            timeZone: trainer.timeZone,
          },
          sha256,
        );
        for (const { scope, decision } of decisions) log.info({ domain: scope.domain, decision }, "schedule.decided");
      };
      const task = schedule(
        trainer.schedule,
        () => {
          look().catch((error: unknown) => log.error({ err: error }, "schedule.failed"));
        },
        { timezone: trainer.timeZone },
      );
      stopSchedule = () => {
        task.stop();
      };
    },
    async close() {
      stopSchedule?.();
      clearInterval(tending);
      stop.abort(new Error("Cannot go on: the program is shutting down"));
      await working;
    },
  };
}
