import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Job as BullJob, DelayedError, UnrecoverableError, Worker } from "bullmq";
import { describeError } from "#core/errors.ts";
import type { Job, JobRunner, WorkOptions } from "#jobs/job-queue.ts";
import type { BullJobQueueOptions } from "./job-queue-options.ts";
import { type JobClaims, type JobEnd, type JobNames, type JobPlace, jobClaims, readRequest } from "./job-records.ts";
import { refusalOf, tryRights } from "./queue-server.ts";

export interface WorkerParts extends BullJobQueueOptions {
  readonly names: JobNames;
  readonly queue: string;
  readonly run: JobRunner;
  readonly work: WorkOptions;
}

const ERROR_LETTERS_MAX = 2000;
const BUSY_MAX_MS = 5000;
/** A connection is tried again at least every 2 s. */
const GRACE_MS = 3000;
/** How long a stopping worker waits for a server that is away; its jobs are taken over when their leases end. */
const STOP_MAX_MS = 5000;
const RIGHTS_HINT =
  "Give the user of REDIS_URL the rights that docs/operating.md names under Redis; jobs wait until then";
/** A server that refused is asked again after this time: an operator may have given the login its rights. */
const REFUSED_MS = 2000;

/**
 * A worker until the signal aborts and its jobs have ended. BullMQ hands a job over, also one whose worker died, and `start` decides
 * whether it runs. A processor here never fails for want of Redis: its commands wait until the server is back.
 */
export async function runWorker(parts: WorkerParts): Promise<void> {
  const { work, names, queue, log } = parts;
  if (work.signal.aborted) return;
  const connection = parts.openPatient();
  if (!(await mayWork(parts, connection))) {
    connection.disconnect();
    return;
  }
  const claims = jobClaims(connection, names);
  const worker = new Worker(queue, (job, token) => runJob(parts, claims, job, token ?? ""), {
    connection,
    prefix: names.prefix,
    concurrency: work.parallel,
    lockDuration: work.leaseMs,
    stalledInterval: work.leaseMs,
    // Whether a job whose workers die is tried once more is decided by its own count of tries.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    runRetryDelay: 1000,
    removeOnComplete: { count: -1 },
    removeOnFail: { count: -1 },
  });
  let isLost = false;
  worker.on("error", (error) => {
    if (!isLost) log.warn({ queue, error: refusalOf(error) ?? error.name }, "job.worker-troubled");
    isLost = true;
  });
  worker.on("ready", () => {
    isLost = false;
  });
  worker.on("stalled", (job) => log.warn({ queue, job }, "job.taken-over"));
  await new Promise<void>((resolve) => {
    work.signal.addEventListener("abort", () => resolve(), { once: true });
    if (work.signal.aborted) resolve();
  });
  const closing = worker.close().then(() => true);
  while (!(await Promise.race([closing, sleep(STOP_MAX_MS, false, { ref: false })]))) {
    if (connection.status === "ready") continue; // its jobs take their time to end
    log.warn({ queue }, "job.worker-left-behind");
    worker.close(true).catch(() => {});
    break;
  }
  connection.disconnect();
}

/**
 * True as soon as the login has the rights, false when the signal came first. BullMQ repeats what a server refuses at once and for
 * ever: the process would do nothing else, and not even hear that it should stop.
 */
async function mayWork(
  { work, queue, names, log }: WorkerParts,
  connection: ReturnType<WorkerParts["openPatient"]>,
): Promise<boolean> {
  const aborted = new Promise<"aborted">((resolve) => {
    work.signal.addEventListener("abort", () => resolve("aborted"), { once: true });
  });
  for (let isTold = false; !work.signal.aborted; ) {
    const trying = tryRights(connection, names.prefix).then(
      () => "allowed" as const,
      (error: unknown) => refusalOf(error) ?? ("ended" as const),
    );
    const found = await Promise.race([trying, aborted]);
    if (found === "allowed") return !work.signal.aborted;
    if (found === "aborted") break;
    if (!isTold && found !== "ended") log.error({ queue, why: found, hint: RIGHTS_HINT }, "job.worker-refused");
    isTold ||= found !== "ended";
    await Promise.race([sleep(REFUSED_MS, undefined, { ref: false }), aborted]);
  }
  return false;
}

async function runJob(parts: WorkerParts, claims: JobClaims, bullJob: BullJob, token: string): Promise<void> {
  const { work, log, now } = parts;
  const place: JobPlace = { queue: parts.queue, job: bullJob.id ?? "" };
  const { key, notBeforeMs = 0 } = readRequest(bullJob.data);
  const claim = () => ({ token: claimToken, leaseMs: work.leaseMs, nowMs: now() });
  const claimToken = randomUUID();
  const comeBack = async (atMs: number) => {
    await bullJob.moveToDelayed(atMs, token);
    throw new DelayedError();
  };
  if (work.signal.aborted) return comeBack(Date.now());
  const job = await claims.start(place, key, claim(), parts.graceMs ?? GRACE_MS);
  if (job === "ended") return;
  if (job === "busy")
    return comeBack(Date.now() + lookAgainMs(now() - Math.max(bullJob.timestamp, notBeforeMs), parts));

  const controller = new AbortController();
  const stopWatching = watch(parts, () => claims.check(place, key, claim()), controller);
  const failure = await settle(async () => {
    work.signal.throwIfAborted(); // while it was claimed: a runner that listens for the abort would wait for ever
    await parts.run(job, AbortSignal.any([work.signal, controller.signal]));
  });
  stopWatching();
  const end = endOf(job, failure, work.signal.aborted);
  const state = await claims.end(place, key, claim(), end);
  const fields = { jobId: job.id, kind: job.kind, attempts: job.attempts, state };
  if (state === "succeeded" || state === "cancelled") log.info(fields, "job.ended");
  else log.warn({ ...fields, error: end.error }, "job.failed");
  if (state === "queued") return comeBack(Date.now() + (end.isTryCounted ? retryAfterMs(job.attempts, parts) : 0));
  // Somebody else has it, or our own word was repeated after a cut: only what has ended may end in BullMQ as well.
  if (state === "lost" && (await claims.read(place))?.endedAtMs === undefined) return comeBack(Date.now() + GRACE_MS);
  if (state === "failed") throw new UnrecoverableError(end.error);
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

function endOf(job: Job, failure: { readonly cause: unknown } | undefined, isStopping: boolean): JobEnd {
  if (failure === undefined) return { state: "succeeded", isTryCounted: true };
  if (isStopping) return { state: "queued", isTryCounted: false };
  const error = describeError(failure.cause).slice(0, ERROR_LETTERS_MAX);
  return { state: job.attempts >= job.attemptsMax ? "failed" : "queued", isTryCounted: true, error };
}

/** Twice as long each time, give or take a half, so that jobs that failed together do not come back together. */
function retryAfterMs(attempts: number, options: BullJobQueueOptions): number {
  const { retryMs = 1000, retryMaxMs = 300_000, random = Math.random } = options;
  return Math.round(Math.min(retryMs * 2 ** (attempts - 1) * (0.5 + random()), retryMaxMs));
}

/** A job whose key is busy. The longer it waits the seldomer it is looked at: 100 looked at twice a second take 13 % of a processor. */
function lookAgainMs(waitedMs: number, { pollMs = 500 }: BullJobQueueOptions): number {
  return Math.round(Math.min(Math.max(pollMs, waitedMs / 10), Math.max(pollMs, BUSY_MAX_MS)));
}

/** Renews the lease, and aborts the job when somebody cancelled it or took it over. Returns what ends the watch. */
function watch(
  { work, log, pollMs = 500 }: WorkerParts,
  check: () => ReturnType<JobClaims["check"]>,
  controller: AbortController,
): () => void {
  let isLooking = false;
  async function look(): Promise<void> {
    const standing = await check();
    if (standing !== "held") controller.abort(new Error(`the job was ${standing}`));
  }
  const timer = setInterval(
    () => {
      if (isLooking) return; // the server is away: one look waits for it
      isLooking = true;
      look()
        .catch((cause: unknown) =>
          log.warn({ error: cause instanceof Error ? cause.name : "unknown" }, "job.renewal-failed"),
        )
        .finally(() => {
          isLooking = false;
        });
    },
    Math.max(10, Math.min(pollMs, work.leaseMs / 3, 500)),
  );
  return () => clearInterval(timer);
}
