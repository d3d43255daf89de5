import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Hint } from "#events/event-bus.ts";
import { openRedisEventBus } from "#events/redis/event-bus.ts";
import { bullJobQueue } from "#jobs/bullmq/job-queue.ts";
import { openWire } from "../../../fixtures/redis/cut-wire.ts";
import { connectTo, hasRedis, recordingLog, startRedis } from "../../../fixtures/redis/start-redis.ts";
import { request, startWorker } from "./open-queue.ts";

describe.skipIf(!hasRedis)("Redis over a wire that is cut without a word (needs redis)", () => {
  test("openRedis() has every connection stand again soon after: commands, hints, and a worker with the job it runs", async () => {
    const server = await startRedis();
    const wire = await openWire(server);
    const log = recordingLog();
    const [near, far] = [
      await connectTo(server),
      await connectTo(wire, { log, heartbeatMs: 500, commandTimeoutMs: 500 }),
    ];
    const jobsOf = ({ client, use, openPatient, prefix }: typeof near) =>
      bullJobQueue({ client, use, openPatient, prefix, log, now: Date.now, pollMs: 50 });
    const busOf = async (redis: typeof near, processName: string) => {
      const subscriber = redis.openPatient();
      const bus = await openRedisEventBus({
        publisher: redis.client,
        subscriber,
        isUp: () => redis.describeHealth().isUp,
        prefix: redis.prefix,
        processName,
        log,
      });
      onTestFinished(() => bus.close());
      return bus;
    };
    const [nearBus, farBus] = [await busOf(near, "near"), await busOf(far, "far")];
    const heard: Hint[] = [];
    farBus.subscribe(["service.changed", "run.changed"], (hint) => heard.push(hint));
    const nearJobs = jobsOf(near);
    const ran: string[] = [];
    startWorker(
      jobsOf(far),
      async (job, signal) => {
        await sleep(job.id === "long" ? 5000 : 1);
        if (!signal.aborted) ran.push(job.id);
      },
      { parallel: 2, leaseMs: 1000 },
    );
    await nearJobs.enqueue({ ...request, id: "long", key: "long" });
    await vi.waitFor(async () => expect((await nearJobs.get("long"))?.state).toBe("running"));

    wire.cut();
    await vi.waitFor(() => expect(far.describeHealth().isUp).toBe(false), { timeout: 3000 });
    await sleep(1500);
    wire.heal();
    const healedAtMs = Date.now();
    await nearJobs.enqueue({ ...request, id: "short", key: "short" });
    await vi.waitFor(() => expect(far.describeHealth().isUp).toBe(true), { timeout: 8000, interval: 20 });
    const hint: Hint = { kind: "run.changed", runId: "r1" };
    await vi.waitFor(
      () => {
        nearBus.publish(hint);
        expect(heard).toContainEqual(hint);
      },
      { timeout: 8000, interval: 50 },
    );
    await vi.waitFor(() => expect(ran).toContain("short"), { timeout: 15_000, interval: 20 });
    const tookMs = Date.now() - healedAtMs;

    await vi.waitFor(
      async () => expect(await nearJobs.get("long")).toMatchObject({ state: "succeeded", attempts: 1 }),
      {
        timeout: 15_000,
        interval: 50,
      },
    );
    expect(ran.filter((id) => id === "long")).toEqual(["long"]);
    expect(tookMs).toBeLessThan(15_000);
    process.stdout.write(`after the wire healed, hints and jobs passed within ${tookMs} ms\n`);
  });
});
