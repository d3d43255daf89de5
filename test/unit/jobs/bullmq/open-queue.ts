import { onTestFinished } from "vitest";
import { bullJobQueue } from "#jobs/bullmq/job-queue.ts";
import type { JobQueue, JobRunner, WorkOptions } from "#jobs/job-queue.ts";
import { connectTo, type RedisServer, recordingLog } from "../../../fixtures/redis/start-redis.ts";

type Changes = Partial<Parameters<typeof bullJobQueue>[0]>;

/** A queue on a connection of its own, as another process has it. */
export async function openQueue(server: Pick<RedisServer, "url">, prefix: string, changes: Changes = {}) {
  const { client, use, openPatient } = await connectTo(server, { prefix });
  const log = recordingLog();
  const timing = { now: Date.now, pollMs: 20, retryMs: 5, graceMs: 100 };
  const queue = bullJobQueue({ client, use, openPatient, prefix, log, ...timing, ...changes });
  return { queue, log, client };
}

/** Works until the test ends, or `stop` is called. */
export function startWorker(queue: JobQueue, run: JobRunner, options: Partial<WorkOptions> = {}) {
  const controller = new AbortController();
  const ended = queue.work("train", run, { parallel: 1, leaseMs: 1000, signal: controller.signal, ...options });
  const stop = async () => {
    controller.abort();
    await ended;
  };
  onTestFinished(stop);
  return stop;
}

export const request = { id: "j1", kind: "train", key: "support", payload: { days: 7 }, priority: 0, attemptsMax: 3 };
