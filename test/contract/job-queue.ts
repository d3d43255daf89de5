import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Job, JobQueue, JobRequest, JobRunner } from "#jobs/job-queue.ts";

function request(changes: Partial<JobRequest> = {}): JobRequest {
  return { id: "j1", kind: "train", key: "support", payload: { days: 7 }, priority: 0, attemptsMax: 3, ...changes };
}

/** Starts a worker that stops with the test, or when `stop` is called. */
function startWorker(queue: JobQueue, run: JobRunner, options: { parallel?: number; leaseMs?: number } = {}) {
  const controller = new AbortController();
  const { parallel = 1, leaseMs = 3000 } = options;
  const ended = queue.work("train", run, { parallel, leaseMs, signal: controller.signal });
  const stop = async () => {
    controller.abort();
    await ended;
  };
  onTestFinished(stop);
  return stop;
}

async function untilState(queue: JobQueue, id: string, state: Job["state"]): Promise<Job> {
  return vi.waitFor(
    async () => {
      const job = await queue.get(id);
      if (job?.state !== state) throw new Error(`job "${id}" is ${job?.state ?? "unknown"}, not yet ${state}`);
      return job;
    },
    { timeout: 8000, interval: 10 },
  );
}

/** A runner that goes on until its signal aborts, and rejects then. */
const untilAborted: JobRunner = (_job, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

/**
 * What every JobQueue promises. `open` gives two views of one empty queue, as two processes have them; retries wait a
 * few ms.
 */
export function jobQueueContract(open: () => Promise<readonly [JobQueue, JobQueue]>): void {
  test("enqueue() stores a job that get() and list() show", async () => {
    const [queue] = await open();
    const job = await queue.enqueue(request({ notBeforeMs: 5 }));
    await queue.enqueue(request({ id: "j2", kind: "install", payload: null }));

    expect(job).toMatchObject({ ...request(), notBeforeMs: 5, state: "queued", attempts: 0 });
    expect(await queue.get("j1")).toEqual(job);
    expect(await queue.get("none")).toBeUndefined();
    expect((await queue.list({ limit: 9 })).map(({ id }) => id)).toEqual(["j2", "j1"]);
    expect(await queue.list({ kind: "train", limit: 9 })).toEqual([job]);
    expect(await queue.list({ limit: 1 })).toHaveLength(1);
  });

  test("enqueue() returns the stored job when the id is known, also after it ended", async () => {
    const [queue] = await open();
    const ran: string[] = [];
    await queue.enqueue(request());
    startWorker(queue, async (job) => {
      ran.push(job.id);
    });
    const ended = await untilState(queue, "j1", "succeeded");

    expect(await queue.enqueue(request({ payload: "other", key: "legal" }))).toEqual(ended);
    await sleep(60);
    expect(ran).toEqual(["j1"]);
    expect(ended).toMatchObject({ attempts: 1, payload: { days: 7 } });
    expect(ended.endedAtMs).toBeGreaterThanOrEqual(ended.createdAtMs);
  });

  test("work() runs due jobs of its kind, the largest priority first, then the oldest", async () => {
    const [queue] = await open();
    const ran: string[] = [];
    await queue.enqueue(request({ id: "first" }));
    await queue.enqueue(request({ id: "second" }));
    await queue.enqueue(request({ id: "urgent", priority: 5 }));
    await queue.enqueue(request({ id: "later", notBeforeMs: Date.now() + 3_600_000 }));
    await queue.enqueue(request({ id: "other", kind: "install" }));
    startWorker(queue, async (job) => {
      ran.push(job.id);
    });
    await untilState(queue, "second", "succeeded");

    expect(ran).toEqual(["urgent", "first", "second"]);
    expect((await queue.get("later"))?.state).toBe("queued");
    expect((await queue.get("other"))?.state).toBe("queued");
  });

  test("work() never runs two jobs of one key, nor more than `parallel`, at once", async () => {
    const [one, two] = await open();
    const running: Job[] = [];
    let [mostOfOneKey, most] = [0, 0];
    const run: JobRunner = async (job) => {
      running.push(job);
      mostOfOneKey = Math.max(mostOfOneKey, running.filter(({ key }) => key === job.key).length);
      most = Math.max(most, running.length);
      await sleep(15);
      running.splice(running.indexOf(job), 1);
    };
    const ids = Array.from({ length: 12 }, (_, index) => `j${index}`);
    for (const [index, id] of ids.entries()) await one.enqueue(request({ id, key: `key${index % 4}` }));
    startWorker(one, run, { parallel: 2 });
    startWorker(two, run, { parallel: 1 });
    for (const id of ids) await untilState(one, id, "succeeded");

    expect(mostOfOneKey).toBe(1);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
    expect((await one.list({ limit: 99 })).map(({ attempts }) => attempts)).toEqual(ids.map(() => 1));
  });

  test("work() tries again when a job rejects, until its attempts are used up", async () => {
    const [queue] = await open();
    let tries = 0;
    await queue.enqueue(request({ id: "bad", attemptsMax: 2 }));
    await queue.enqueue(request({ id: "shaky", key: "legal" }));
    startWorker(queue, async (job) => {
      if (job.id === "bad") throw new Error(`no memory at try ${job.attempts}`);
      tries += 1;
      if (tries < 3) throw new Error("not yet");
    });

    expect(await untilState(queue, "bad", "failed")).toMatchObject({ attempts: 2, error: "no memory at try 2" });
    expect(await untilState(queue, "shaky", "succeeded")).toMatchObject({ attempts: 3 });
  });

  test("cancel() ends a queued job at once", async () => {
    const [queue] = await open();
    await queue.enqueue(request());

    expect(await queue.cancel("j1")).toBe(true);
    expect((await queue.get("j1"))?.state).toBe("cancelled");
    expect(await queue.cancel("j1")).toBe(false);
    expect(await queue.cancel("none")).toBe(false);
  });

  test("cancel() aborts a job that runs in another process within a second", async () => {
    const [one, two] = await open();
    await one.enqueue(request());
    startWorker(one, untilAborted);
    await untilState(one, "j1", "running");
    const startedAtMs = Date.now();

    expect(await two.cancel("j1")).toBe(true);
    expect(await untilState(two, "j1", "cancelled")).toMatchObject({ attempts: 1 });
    expect(Date.now() - startedAtMs).toBeLessThan(1500);
  });

  test("cancel() counts when the runner ends cleanly on its signal", async () => {
    const [queue] = await open();
    await queue.enqueue(request());
    startWorker(queue, (job, signal) => untilAborted(job, signal).catch(() => {}));
    await untilState(queue, "j1", "running");
    await queue.cancel("j1");

    expect((await untilState(queue, "j1", "cancelled")).error).toBeUndefined();
  });

  test("work() keeps a job that runs longer than its lease", async () => {
    const [one, two] = await open();
    let runs = 0;
    const run: JobRunner = async () => {
      runs += 1;
      await sleep(900);
    };
    await one.enqueue(request());
    startWorker(one, run, { leaseMs: 300 });
    startWorker(two, run, { leaseMs: 300 });
    await untilState(one, "j1", "succeeded");

    expect(runs).toBe(1);
  });

  test("work() leaves a job to the next worker, without counting the try, when it stops", async () => {
    const [one, two] = await open();
    await one.enqueue(request({ attemptsMax: 1 }));
    const stop = startWorker(one, untilAborted);
    await untilState(one, "j1", "running");
    await stop();
    expect(await two.get("j1")).toMatchObject({ state: "queued", attempts: 0 });

    startWorker(two, async () => {});
    expect(await untilState(two, "j1", "succeeded")).toMatchObject({ attempts: 1 });
  });

  test("work() runs what another process enqueues", async () => {
    const [one, two] = await open();
    startWorker(one, async () => {});
    await sleep(30);
    await two.enqueue(request());

    await untilState(two, "j1", "succeeded");
  });

  test("prune() deletes jobs that ended long ago, oldest first, and none that has not ended", async () => {
    const [one, two] = await open();
    const isDue = { notBeforeMs: Number.MAX_SAFE_INTEGER };
    for (const id of ["old", "middle"]) {
      await one.enqueue(request({ id, ...isDue }));
      await one.cancel(id);
      await sleep(5);
    }
    await one.enqueue(request({ id: "waits", ...isDue }));
    const before = ((await one.get("middle"))?.endedAtMs ?? 0) + 1;

    expect(await one.prune(before - 1, 9)).toBe(1);
    expect((await two.list({ limit: 9 })).map(({ id }) => id)).toEqual(["waits", "middle"]);
    expect(await two.prune(before, 0)).toBe(0);
    expect(await two.prune(Number.MAX_SAFE_INTEGER, 9)).toBe(1);
    expect((await one.list({ limit: 9 })).map(({ id }) => id)).toEqual(["waits"]);
    expect(await one.enqueue(request({ id: "old" }))).toMatchObject({ state: "queued" });
  });

  test("enqueue() keeps hostile text as it was", async () => {
    const [queue] = await open();
    const text = "a\u0000b\ud800'; --";
    await queue.enqueue(request({ id: text, key: text, payload: { text } }));
    await queue.enqueue(request({ id: "a" }));
    startWorker(queue, async (job) => {
      if (job.id === text) throw new Error(text);
    });

    expect(await untilState(queue, text, "failed")).toMatchObject({ key: text, payload: { text }, error: text });
  });
}
