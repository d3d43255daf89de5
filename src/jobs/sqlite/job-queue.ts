import { randomUUID } from "node:crypto";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { Job, JobQueue, JobRunner, WorkOptions } from "#jobs/job-queue.ts";
import type { JobDatabase } from "./job-database.ts";
import { type JobEnd, type JobTable, sqliteJobTable } from "./job-table.ts";

export interface SqliteJobQueueOptions {
  readonly database: JobDatabase;
  readonly now: () => number;
  /** 0 up to 1, for the spread of retries. */
  readonly random?: () => number;
  readonly log?: Log;
  /** How often a worker looks for jobs and cancellations of other processes; at most 1,000. */
  readonly pollMs?: number;
  /** The first retry waits about this long, each further one twice as long, none longer than `retryMaxMs`. */
  readonly retryMs?: number;
  readonly retryMaxMs?: number;
}

const ERROR_LETTERS_MAX = 2000;

/**
 * Jobs as rows of the store's file. A worker holds a job by a lease that it renews; what a killed worker held is taken
 * over when the lease ends, and counts as a try. A larger priority goes first, then what was due first.
 * A runner that rejects because its worker shuts down leaves the job queued, as if it had not been tried.
 */
export function sqliteJobQueue(options: SqliteJobQueueOptions): JobQueue {
  const { database, now, pollMs = 500 } = options;
  const table = sqliteJobTable(database);
  /** Of the jobs that run here, to cancel without waiting for the next look. */
  const running = new Map<string, AbortController>();
  const sleepers = new Set<() => void>();
  const wake = () => {
    for (const awaken of sleepers) awaken();
  };

  return {
    async enqueue(request) {
      const job = table.enqueue(request, now());
      wake();
      return job;
    },
    async work(kind, run, { parallel, leaseMs, signal }) {
      const jobs = new Set<Promise<void>>();
      let failure: { readonly cause: unknown } | undefined;
      while (!signal.aborted && failure === undefined) {
        while (jobs.size < parallel) {
          const claim = randomUUID();
          const job = table.claim(kind, claim, leaseMs, now());
          if (job === undefined) break;
          const ended = runJob(job, claim, run, { parallel, leaseMs, signal })
            .catch((cause: unknown) => {
              failure ??= { cause };
            })
            .finally(() => {
              jobs.delete(ended);
              wake();
            });
          jobs.add(ended);
        }
        await sleep(pollMs, signal, sleepers);
      }
      await Promise.all(jobs);
      // Not a job's failure: the file could not be read or written.
      if (failure !== undefined) throw failure.cause;
    },
    get: table.get,
    list: table.list,
    prune: table.prune,
    async cancel(id) {
      const isCancelled = table.cancel(id, now());
      if (isCancelled) running.get(id)?.abort(new Error("the job was cancelled"));
      return isCancelled;
    },
  };

  async function runJob(job: Job, claim: string, run: JobRunner, work: WorkOptions): Promise<void> {
    const controller = new AbortController();
    running.set(job.id, controller);
    const stopWatching = watch(table, job, claim, { ...options, leaseMs: work.leaseMs, pollMs, controller });
    try {
      const error = await settle(() => run(job, AbortSignal.any([work.signal, controller.signal])));
      const isCancelled = table.check(job.id, claim) === "cancelled";
      const end = endOf(job, error, { isCancelled, isStopping: work.signal.aborted, options });
      table.end(job.id, claim, end);
      const fields = { jobId: job.id, kind: job.kind, attempts: job.attempts, state: end.state };
      if (end.error === undefined) options.log?.info(fields, "job.ended");
      else options.log?.warn({ ...fields, error: end.error }, "job.failed");
    } finally {
      stopWatching();
      running.delete(job.id);
    }
  }
}

/** Undefined when it succeeded, in a box otherwise: a runner may reject with anything. */
async function settle(run: () => Promise<void>): Promise<{ readonly cause: unknown } | undefined> {
  try {
    await run();
    return undefined;
  } catch (cause) {
    return { cause };
  }
}

interface Situation {
  readonly isCancelled: boolean;
  readonly isStopping: boolean;
  readonly options: SqliteJobQueueOptions;
}

function endOf(job: Job, failure: { readonly cause: unknown } | undefined, situation: Situation): JobEnd {
  const { isCancelled, isStopping, options } = situation;
  const nowMs = options.now();
  if (isCancelled) return { state: "cancelled", endedAtMs: nowMs };
  if (failure === undefined) return { state: "succeeded", endedAtMs: nowMs };
  if (isStopping) return { state: "queued", dueAtMs: nowMs, attempts: job.attempts - 1 };
  const error = describeError(failure.cause).slice(0, ERROR_LETTERS_MAX);
  if (job.attempts >= job.attemptsMax) return { state: "failed", endedAtMs: nowMs, error };
  return { state: "queued", dueAtMs: nowMs + retryAfterMs(job.attempts, options), attempts: job.attempts, error };
}

/** Twice as long each time, give or take a half, so that jobs that failed together do not come back together. */
function retryAfterMs(attempts: number, options: SqliteJobQueueOptions): number {
  const { retryMs = 1000, retryMaxMs = 300_000, random = Math.random } = options;
  const spread = 0.5 + random();
  return Math.round(Math.min(retryMs * 2 ** (attempts - 1) * spread, retryMaxMs));
}

interface Watch {
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly controller: AbortController;
  readonly now: () => number;
  readonly log?: Log;
}

/** Renews the lease, and aborts the job when somebody cancelled it or took it over. Returns what ends the watch. */
function watch(table: JobTable, job: Job, claim: string, options: Watch): () => void {
  const { leaseMs, controller, now } = options;
  const lookEveryMs = Math.max(10, Math.min(options.pollMs, leaseMs / 3, 500));
  let renewedAtMs = now();

  function look(): void {
    const isOld = now() - renewedAtMs >= leaseMs / 3;
    const standing = table.check(job.id, claim, isOld ? now() + leaseMs : undefined);
    if (isOld) renewedAtMs = now();
    if (standing !== "held") controller.abort(new Error(`the job was ${standing}`));
  }

  const timer = setInterval(() => {
    try {
      look();
    } catch (cause) {
      // A file that is busy for long: the next look tries again, and a lost lease shows then.
      options.log?.warn({ jobId: job.id, error: describeError(cause) }, "job.renewal-failed");
    }
  }, lookEveryMs);
  return () => clearInterval(timer);
}

/** Until the time is over, somebody wakes it, or the signal aborts. */
function sleep(ms: number, signal: AbortSignal, sleepers: Set<() => void>): Promise<void> {
  return new Promise((resolve) => {
    const awaken = () => {
      clearTimeout(timer);
      sleepers.delete(awaken);
      signal.removeEventListener("abort", awaken);
      resolve();
    };
    const timer = setTimeout(awaken, ms);
    sleepers.add(awaken);
    signal.addEventListener("abort", awaken, { once: true });
    if (signal.aborted) awaken();
  });
}
