import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openRedisEventBus } from "#events/redis/event-bus.ts";
import { bullJobQueue } from "#jobs/bullmq/job-queue.ts";
import { memoryRateLimiter } from "#store/memory/rate-limiter.ts";
import { redisLeases } from "#store/redis/leases.ts";
import { redisRateLimiter } from "#store/redis/rate-limiter.ts";
import { redisSemanticCache } from "#store/redis/semantic-cache.ts";
import { eventBusContract } from "../../../contract/event-bus.ts";
import { jobQueueContract } from "../../../contract/job-queue.ts";
import { leaseContract } from "../../../contract/lease.ts";
import { rateLimiterContract } from "../../../contract/rate-limiter.ts";
import { semanticCacheContract } from "../../../contract/semantic-cache.ts";
import { startCluster } from "../../../fixtures/redis/start-cluster.ts";
import { connectTo, hasRedis, newPrefix, recordingLog } from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("Redis on a cluster (needs redis)", () => {
  /** Every contract again on a cluster of three: a script whose keys lie on two nodes fails there. */
  let url = "";
  beforeAll(async () => {
    const ends: (() => Promise<void>)[] = [];
    ({ url } = await startCluster((end) => void ends.push(end)));
    return async () => {
      for (const end of ends) await end();
    };
  });

  const connect = (prefix = newPrefix()) => connectTo({ url }, { prefix });

  async function openTwo() {
    const prefix = newPrefix();
    return [await connect(prefix), await connect(prefix)] as const;
  }

  semanticCacheContract(async () => {
    const options = { now: Date.now, isErased: async () => false };
    const [one, two] = await openTwo();
    return [redisSemanticCache(one, options), redisSemanticCache(two, options)];
  });

  leaseContract(async () => {
    const [one, two] = await openTwo();
    return [redisLeases(one, "caller"), redisLeases(two, "caller")];
  });

  rateLimiterContract(async () =>
    redisRateLimiter(await connect(), { meanwhile: memoryRateLimiter(), clock: "caller" }),
  );

  jobQueueContract(async () => {
    const views = (await openTwo()).map(({ client, use, openPatient, prefix }) =>
      bullJobQueue({ client, use, openPatient, prefix, now: Date.now, log: recordingLog(), pollMs: 20, retryMs: 5 }),
    );
    const [one, two] = views;
    if (one === undefined || two === undefined) throw new Error("two views were opened");
    return [one, two];
  });

  eventBusContract(openBus, async () => {
    await sleep(30);
  });

  async function openBus() {
    const redis = await connect();
    const bus = await openRedisEventBus({
      publisher: redis.client,
      subscriber: redis.openPatient(),
      isUp: () => redis.describeHealth().isUp,
      prefix: redis.prefix,
      processName: "one",
      log: recordingLog(),
    });
    onTestFinished(() => bus.close());
    return bus;
  }

  test("hearingSpan() of a bus stays undefined, since its subscription may move unseen", async () => {
    expect((await openBus()).hearingSpan()).toBeUndefined();
  });

  test("openRedis() spreads scopes over the nodes", async () => {
    const redis = await connect();
    const cache = redisSemanticCache(redis, { now: Date.now, isErased: async () => false });
    const entry = { question: "q", reply: "r", turnId: "t", domain: "d", createdAtMs: 1, expiresAtMs: 1000, hits: 0 };
    for (let index = 0; index < 20; index += 1) await cache.put({ ...entry, scope: `s${index}` }, 10);

    if (!("nodes" in redis.client)) throw new Error("several hosts are a cluster");
    const counts = await Promise.all(
      redis.client.nodes("master").map((node) => node.keys(`${redis.prefix}:cache:*:x`)),
    );
    expect(counts.map(({ length }) => length).filter((count) => count > 0)).toHaveLength(3);
    expect(counts.flat()).toHaveLength(20);
    expect(redis.describeHealth().isUp).toBe(true);
  });
});
