import type { Config } from "#config/schema.ts";
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

  async function run(job: Job, signal: AbortSignal): Promise<void> {
    try {
      await runInWorker(config, job.id, log, { signal, isCancel: () => !stop.signal.aborted });
      await finishRun(activate, openServing, job.id, config.trainer.promotion);
    } catch (error) {
      if (!stop.signal.aborted && job.attempts >= job.attemptsMax) {
        await giveUpRun(activate, job.id, error);
        await tend();
      }
      throw error;
    }
  }

  async function tend(): Promise<void> {
    try {
      await tendRuns({ ...request, runsDirectory: dataPaths(config.data).runs });
    } catch (error) {
      log.error({ err: error }, "runs.not-tended");
    }
  }

  function takeJobs(): Promise<void> {
    const { parallelRuns: parallel } = config.trainer;
    return stores.jobs.work(TRAIN_JOB, run, { parallel, leaseMs: LEASE_MS, signal: stop.signal });
  }

  return {
    request,
    activate,
    work() {
      tending = setInterval(() => void tend(), TEND_MS).unref();
      working = tend()
        .then(takeJobs)
        .catch((error: unknown) => log.error({ err: error }, "queue.failed"));
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
