import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { RedisUnavailableError } from "#core/errors.ts";
import type { JobRunner } from "#jobs/job-queue.ts";
import { jobQueueContract } from "../../../contract/job-queue.ts";
import { connectTo, hasRedis, newPrefix, redisOfFile, startRedis } from "../../../fixtures/redis/start-redis.ts";
import { tellFigures } from "../../../fixtures/trials/tell-figures.ts";
import { openQueue, request, startWorker } from "./open-queue.ts";

/** `REDIS_CUT_MS=30000` for the whole count. */
const CUT_MS = Number(process.env["REDIS_CUT_MS"] ?? 500);

describe.skipIf(!hasRedis)("BullMQ (needs redis)", () => {
  const server = redisOfFile();

  jobQueueContract(async () => {
    const prefix = newPrefix();
    return [(await openQueue(server(), prefix)).queue, (await openQueue(server(), prefix)).queue];
  });

  test("work() waits longer before each further try", async () => {
    const { queue } = await openQueue(server(), newPrefix(), { retryMs: 100, random: () => 0.5 });
    const triedAtMs: number[] = [];
    await queue.enqueue(request);
    startWorker(queue, async () => {
      triedAtMs.push(Date.now());
      throw new Error("not yet");
    });
    await vi.waitFor(async () => expect((await queue.get("j1"))?.state).toBe("failed"), { timeout: 5000 });

    const [first = 0, second = 0, third = 0] = triedAtMs;
    expect(second - first).toBeGreaterThanOrEqual(100);
    expect(third - second).toBeGreaterThanOrEqual(200);
    expect(third - first).toBeLessThan(1500);
  });

  test("enqueue() of one id by many at once is one job", async () => {
    const prefix = newPrefix();
    const queues = await Promise.all(Array.from({ length: 4 }, () => openQueue(server(), prefix)));
    const jobs = await Promise.all(
      queues.flatMap(({ queue }, index) =>
        Array.from({ length: 5 }, () => queue.enqueue({ ...request, payload: { asker: index } })),
      ),
    );

    expect(new Set(jobs.map((job) => JSON.stringify(job))).size).toBe(1);
    expect(await queues[0]?.queue.list({ limit: 9 })).toHaveLength(1);
  });

  test("enqueue() and cancel() reject at once while Redis is away, without the job's words", async () => {
    const own = await startRedis();
    const { queue } = await openQueue(own, "p");
    await queue.enqueue(request);
    await own.kill();
    const startedAtMs = Date.now();

    const failure = await queue.enqueue({ ...request, id: "j2", payload: "a secret" }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RedisUnavailableError);
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain("secret");
    await expect(queue.cancel("j1")).rejects.toThrow(RedisUnavailableError);
    expect(Date.now() - startedAtMs).toBeLessThan(1500);
  });

  test("work() goes on when Redis was killed under load and is back, and no job that was acknowledged is lost", {
    timeout: 60_000 + CUT_MS,
  }, async () => {
    const own = await startRedis(undefined, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
    const { queue } = await openQueue(own, "p");
    const ran = new Set<string>();
    for (const worker of [await openQueue(own, "p"), await openQueue(own, "p")]) {
      startWorker(worker.queue, async (job) => {
        await sleep(15);
        ran.add(job.id);
      });
    }
    const acknowledged: string[] = [];
    let refused = 0;
    let isLoading = true;
    const load = (async () => {
      for (let index = 0; isLoading; index += 1) {
        const job = await queue.enqueue({ ...request, id: `j${index}`, key: `k${index % 8}` }).catch(() => undefined);
        if (job === undefined) refused += 1;
        else acknowledged.push(job.id);
        await sleep(10);
      }
    })();
    await vi.waitFor(() => expect(ran.size).toBeGreaterThan(60), { timeout: 20_000 });
    await own.kill();
    await sleep(CUT_MS);
    await own.start();
    const backAtMs = Date.now();
    const [before, ranBefore] = [acknowledged.length, ran.size];
    await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before), { timeout: 5000, interval: 5 });
    const enqueuedAfterMs = Date.now() - backAtMs;
    await vi.waitFor(() => expect(ran.size).toBeGreaterThan(ranBefore), { timeout: 5000, interval: 5 });
    const ranAfterMs = Date.now() - backAtMs;
    isLoading = false;
    await load;

    expect(refused).toBeGreaterThan(0);
    expect(ranAfterMs).toBeLessThan(5000);
    const states = () => Promise.all(acknowledged.map(async (id) => (await queue.get(id))?.state));
    const untilEnded = async () =>
      expect((await states()).filter((state) => /queued|running/u.test(`${state}`))).toEqual([]);
    await vi.waitFor(untilEnded, { timeout: 30_000, interval: 100 });
    const lost = (await states()).filter((state) => state !== "succeeded").length;
    const counts = { acknowledged: acknowledged.length, refused, lost };
    tellFigures("jobs, Redis cut", { cutMs: CUT_MS, ...counts, enqueuedAfterMs, ranAfterMs });
    expect(lost).toBe(0);
  });

  test("work() ends what it runs, once, when Redis was away for longer than the lease", async () => {
    const own = await startRedis(undefined, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
    const graceMs = 3000;
    const [one, two] = [await openQueue(own, "p", { graceMs }), await openQueue(own, "p", { graceMs })];
    const aborted: string[] = [];
    let runs = 0;
    for (const { queue } of [one, two]) {
      const run: JobRunner = async (_job, signal) => {
        runs += 1;
        await sleep(5000);
        if (signal.aborted) aborted.push(String(signal.reason));
      };
      startWorker(queue, run, { leaseMs: 500, parallel: 2 });
    }
    await one.queue.enqueue(request);
    await vi.waitFor(() => expect(runs).toBe(1));
    await own.kill();
    await sleep(1500);
    await own.start();

    await vi.waitFor(async () => expect(await one.queue.get("j1")).toMatchObject({ state: "succeeded", attempts: 1 }), {
      timeout: 15_000,
      interval: 50,
    });
    expect(aborted).toEqual([]);
    expect(runs).toBe(1);
  });

  test("work() that began while Redis was away works when it is there", async () => {
    const own = await startRedis();
    await own.kill();
    const { queue } = await openQueue(own, "p");
    startWorker(queue, async () => {});
    await sleep(300);
    await own.start();
    await vi.waitFor(async () => expect((await queue.enqueue(request)).state).toBe("succeeded"), { timeout: 8000 });
  });

  test("work() puts every job back that it had begun or claimed, at whatever moment it is stopped", async () => {
    const { queue } = await openQueue(server(), newPrefix());
    await queue.enqueue({ ...request, attemptsMax: 1 });
    for (let round = 0; round < 30; round += 1) {
      const untilAborted: JobRunner = (_job, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
        );
      const stop = startWorker(queue, untilAborted);
      await sleep(round);
      await stop();
      expect(await queue.get("j1"), `stopped after ${round} ms`).toMatchObject({ state: "queued", attempts: 0 });
    }

    startWorker(queue, async () => {});
    await vi.waitFor(async () => expect((await queue.get("j1"))?.state).toBe("succeeded"), { timeout: 5000 });
  });

  test("work() says why a login may do nothing, stops all the same, and works when it may", async () => {
    const own = await startRedis();
    const { client: admin } = await connectTo(own);
    const rights = async (...given: string[]) =>
      void (await admin.call("ACL", "SETUSER", "ana", "on", ">word", ...given));
    await rights("~p:*", "&p:*", "+@all", "-@dangerous");
    const login = { url: own.url.replace("//", "//ana:word@") };
    const [refused, { queue }] = [await openQueue(login, "p"), await openQueue(login, "p")];
    const stop = startWorker(refused.queue, async () => {});
    const told = () => refused.log.lines.filter(({ event }) => event === "job.worker-refused");
    await vi.waitFor(() => expect(told()).toHaveLength(1));
    const startedAtMs = performance.now();
    await stop();
    expect(performance.now() - startedAtMs).toBeLessThan(1000);
    expect(told()[0]?.fields).toMatchObject({ why: "NOPERM", hint: expect.stringContaining("docs/operating.md") });

    startWorker(queue, async () => {});
    await rights("~{p:*");
    await expect(queue.enqueue(request)).rejects.toThrow(RedisUnavailableError);
    // What docs/operating.md names, and no more.
    await rights("+info");
    await vi.waitFor(async () => expect((await queue.enqueue(request)).state).toBe("succeeded"), { timeout: 8000 });
  });

  test("work() ends soon after its signal while Redis is away", async () => {
    const own = await startRedis();
    const { queue, log } = await openQueue(own, "p");
    const stop = startWorker(queue, async () => {});
    await sleep(100);
    await own.kill();
    const startedAtMs = Date.now();
    await stop();

    expect(Date.now() - startedAtMs).toBeLessThan(8000);
    expect(log.lines.filter(({ event }) => event === "job.worker-troubled").length).toBeLessThanOrEqual(1);
  });
});
