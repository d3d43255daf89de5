import { Queue } from "bullmq";
import type { JobQueue, JobRequest } from "#jobs/job-queue.ts";
import type { BullJobQueueOptions } from "./job-queue-options.ts";
import { jobNames, jobRecords } from "./job-records.ts";
import { runWorker } from "./job-worker.ts";

/** BullMQ's largest: 1 goes first, so that ours (a larger one goes first) is taken from the middle. */
const PRIORITY_MAX = 2 ** 21 - 1;
const PRIORITY_MIDDLE = 2 ** 20;
/** Some 34 years: BullMQ multiplies moments by 4,096. */
const DELAY_MAX_MS = 2 ** 40;

/**
 * Jobs in BullMQ, any number of workers on any number of machines. Durable as far as Redis is: it must run with `noeviction` and an
 * append-only file (`readQueueServer`). Calls reject while Redis is away; workers wait, and go on when it is back.
 */
export function bullJobQueue(options: BullJobQueueOptions): JobQueue {
  const { client, now } = options;
  const names = jobNames(options.prefix);
  const records = jobRecords(client, names);
  const queues = new Map<string, Queue>();

  function openQueue(name: string): Queue {
    const known = queues.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, { connection: client, prefix: names.prefix, skipWaitingForReady: true });
    queue.on("error", () => {}); // its calls reject as well
    // One that was refused at its opening stays so: the next call opens another.
    queue.waitUntilReady().catch(() => queues.delete(name));
    queues.set(name, queue);
    return queue;
  }

  async function add(queue: string, request: JobRequest): Promise<void> {
    const delay = Math.min(Math.max(0, (request.notBeforeMs ?? 0) - now()), DELAY_MAX_MS);
    await openQueue(queue).add(
      "job",
      { request: JSON.stringify(request) },
      {
        jobId: names.jobOf(request.id),
        priority: Math.min(Math.max(1, PRIORITY_MIDDLE - Math.round(request.priority)), PRIORITY_MAX),
        delay,
        timestamp: now(),
        // Tries are counted by us, and ended jobs stay until they are pruned.
        attempts: Number.MAX_SAFE_INTEGER,
        backoff: { type: "fixed", delay: 1000 },
        removeOnComplete: false,
        removeOnFail: false,
        stackTraceLimit: 0,
      },
    );
  }

  const queue: JobQueue = {
    async enqueue(request) {
      const name = await records.register(request.id, names.queueOf(request.kind));
      const place = { queue: name, job: names.jobOf(request.id) };
      const known = await records.read(place);
      if (known !== undefined) return known;
      await add(name, request); // of two at once BullMQ keeps the first
      const job = await records.read(place);
      if (job === undefined) throw new Error(`Cannot enqueue job "${request.id}": it is gone again`);
      return job;
    },
    work: (kind, run, work) => runWorker({ ...options, names, queue: names.queueOf(kind), run, work }),
    async get(id) {
      const place = await records.find(id);
      return place && records.read(place);
    },
    async list({ kind, limit }) {
      const places = await records.listPlaces(kind === undefined ? undefined : names.queueOf(kind), limit);
      const jobs = await Promise.all(places.map(records.read));
      return jobs.filter((job) => job !== undefined);
    },
    async cancel(id) {
      const place = await records.find(id);
      const job = place && (await records.read(place));
      return place !== undefined && job !== undefined && records.cancel(place, job.key, now());
    },
    async prune(beforeMs, limit) {
      let count = 0;
      for (const place of await records.listEnded(beforeMs, limit)) {
        // A worker may hold it for a moment yet: the next sweep takes it.
        if ((await openQueue(place.queue).remove(place.job)) !== 1) continue;
        await records.forget(place);
        count += 1;
      }
      return count;
    },
  };
  return {
    work: queue.work,
    enqueue: (request) => options.use(() => queue.enqueue(request)),
    get: (id) => options.use(() => queue.get(id)),
    list: (query) => options.use(() => queue.list(query)),
    cancel: (id) => options.use(() => queue.cancel(id)),
    prune: (beforeMs, limit) => options.use(() => queue.prune(beforeMs, limit)),
  };
}
