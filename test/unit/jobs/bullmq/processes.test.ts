import { describe, expect, test, vi } from "vitest";
import { hasRedis, newPrefix, redisOfFile } from "../../../fixtures/redis/start-redis.ts";
import { type WorkerLine, workersOfFile } from "../../../fixtures/redis/start-worker.ts";
import { openQueue, request, startWorker } from "./open-queue.ts";

describe.skipIf(!hasRedis)("BullMQ (needs redis)", () => {
  const server = redisOfFile();
  const startProcess = workersOfFile();

  async function runAndDie(prefix: string) {
    const worker = startProcess(server().url, prefix, "hangs", "1000");
    await vi.waitFor(() => expect(worker.lines).toHaveLength(1), { timeout: 10_000, interval: 10 });
    await worker.kill();
  }

  test("work() takes over what a process killed with -9 was doing, and counts the try", async () => {
    const prefix = newPrefix();
    const { queue, log } = await openQueue(server(), prefix);
    await queue.enqueue(request);
    await runAndDie(prefix);
    const diedAtMs = Date.now();
    expect(await queue.get("j1")).toMatchObject({ state: "running", attempts: 1 });

    startWorker(queue, async () => {});
    await vi.waitFor(async () => expect(await queue.get("j1")).toMatchObject({ state: "succeeded", attempts: 2 }), {
      timeout: 10_000,
      interval: 20,
    });
    // The lease of a second, and the look for stalled jobs once a second.
    expect(Date.now() - diedAtMs).toBeLessThan(9000);
    expect(log.lines.map(({ event }) => event)).toContain("job.taken-over");
  });

  test("work() fails a job when its last worker was killed", async () => {
    const prefix = newPrefix();
    const { queue } = await openQueue(server(), prefix);
    await queue.enqueue({ ...request, attemptsMax: 1 });
    await runAndDie(prefix);
    const ran: string[] = [];
    startWorker(queue, async ({ id }) => void ran.push(id));

    await vi.waitFor(async () => expect(await queue.get("j1")).toMatchObject({ state: "failed", attempts: 1 }), {
      timeout: 10_000,
      interval: 20,
    });
    expect((await queue.get("j1"))?.error).toMatch(/worker stopped without a word/);
    expect(ran).toEqual([]);
  });

  test("cancel() ends a job whose worker was killed, and nobody takes it over", async () => {
    const prefix = newPrefix();
    const { queue } = await openQueue(server(), prefix);
    await queue.enqueue(request);
    await runAndDie(prefix);
    await queue.cancel("j1");
    const ran: string[] = [];
    startWorker(queue, async ({ id }) => void ran.push(id));

    await vi.waitFor(async () => expect((await queue.get("j1"))?.state).toBe("cancelled"), { timeout: 10_000 });
    await queue.enqueue({ ...request, id: "j2" });
    await vi.waitFor(async () => expect((await queue.get("j2"))?.state).toBe("succeeded"), { timeout: 10_000 });
    expect(ran).toEqual(["j2"]);
  });

  test("work() of several processes runs each job, one of a key at a time, while one of them is killed", async () => {
    const prefix = newPrefix();
    const { queue } = await openQueue(server(), prefix);
    const ids = Array.from({ length: 45 }, (_, index) => `j${index}`);
    const workers = ["a", "b", "c"].map(() => startProcess(server().url, prefix, "works", "1000"));
    for (const [index, id] of ids.entries())
      await queue.enqueue({ ...request, id, key: `k${index % 5}`, attemptsMax: 5 });
    await vi.waitFor(() => expect(Math.min(...workers.map(({ lines }) => lines.length))).toBeGreaterThan(2), {
      timeout: 15_000,
      interval: 5,
    });
    await workers[0]?.kill();

    await vi.waitFor(
      async () => {
        for (const id of ids) expect((await queue.get(id))?.state, id).toBe("succeeded");
      },
      { timeout: 20_000, interval: 50 },
    );
    const ended = workers.flatMap(({ lines }) => timesOf(lines));
    for (const one of ended) {
      const overlapping = ended.filter(
        (other) => other.key === one.key && other.began < one.ended && one.began < other.ended,
      );
      expect(overlapping, one.id).toHaveLength(1);
    }
    // What was told as ended ran once; only what the killed one had begun ran twice.
    const killed = new Set((workers[0]?.lines ?? []).filter(({ what }) => what === "began").map(({ id }) => id));
    for (const id of ids) {
      if (!killed.has(id))
        expect(
          ended.filter((one) => one.id === id),
          id,
        ).toHaveLength(1);
    }
  });

  function timesOf(lines: readonly WorkerLine[]) {
    return lines
      .filter(({ what }) => what === "ended")
      .map(({ id, key, attempts, atMs }) => {
        const began = lines.find((line) => line.what === "began" && line.id === id && line.attempts === attempts);
        return { id, key, began: began?.atMs ?? 0, ended: atMs };
      });
  }
});
