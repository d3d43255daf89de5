import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { RedisUnavailableError } from "#core/errors.ts";
import { cautiousCache } from "#store/redis/cautious-cache.ts";
import { redisSemanticCache } from "#store/redis/semantic-cache.ts";
import type { CacheEntry } from "#store/semantic-cache.ts";
import { semanticCacheContract } from "../../../contract/semantic-cache.ts";
import {
  connectTo,
  hasRedis,
  newPrefix,
  type RedisServer,
  redisOfFile,
  startRedis,
} from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  const server = redisOfFile();

  async function openCache(prefix: string, on: RedisServer = server(), isErased = async (_turnId: string) => false) {
    const redis = await connectTo(on, { prefix, commandTimeoutMs: 300 });
    return { redis, cache: redisSemanticCache(redis, { now: Date.now, isErased }) };
  }

  semanticCacheContract(async () => {
    const prefix = newPrefix();
    return [(await openCache(prefix)).cache, (await openCache(prefix)).cache];
  });

  const DAY_MS = 86_400_000;

  function entry(changes: Partial<CacheEntry> = {}): CacheEntry {
    const createdAtMs = Date.now();
    const texts = { scope: "s1", question: "how do i return a kettle", reply: "Within 30 days.", domain: "support" };
    return { ...texts, turnId: "t1", createdAtMs, expiresAtMs: createdAtMs + DAY_MS, hits: 0, ...changes };
  }

  function vectorAt(index: number): Float32Array {
    const vector = new Float32Array(8);
    vector[0] = Math.cos(index / 1000);
    vector[1] = Math.sin(index / 1000);
    return vector;
  }

  const nearest = { scope: "s1", vector: vectorAt(0), similarityMin: 0.5, limit: 3, nowMs: Date.now() };

  test("redisSemanticCache() follows what another process puts, replaces, evicts and trims, among many", async () => {
    const prefix = newPrefix();
    const [one, two] = [(await openCache(prefix)).cache, (await openCache(prefix)).cache];
    const near = async () => (await two.findNearest(nearest)).map(({ entry: { question } }) => question);
    for (let index = 10; index < 310; index += 1) {
      await one.put(
        entry({ question: `q${index}`, turnId: `t${index}`, vector: vectorAt(index), createdAtMs: index }),
        300,
      );
    }
    expect(await near()).toEqual(["q10", "q11", "q12"]);

    await one.evictTurn("t11");
    await one.put(entry({ question: "q12", turnId: "new", vector: vectorAt(1), createdAtMs: 400 }), 300);
    expect(await near()).toEqual(["q12", "q10", "q13"]);

    for (let index = 0; index < 200; index += 1) {
      await one.put(entry({ question: `later${index}`, vector: vectorAt(900 + index), createdAtMs: 500 + index }), 300);
    }
    expect(await near()).toEqual(["q12", "q211", "q212"]);
    expect((await two.stats()).entries).toBe(300);
  });

  test("findNearest() does not wait for all vectors of a scope, and has them a little later", async () => {
    const prefix = newPrefix();
    const { cache } = await openCache(prefix);
    for (let index = 0; index < 600; index += 1) {
      await cache.put(entry({ question: `q${index}`, vector: vectorAt(index) }), 1000);
    }
    const redis = await connectTo(server(), { prefix });
    const hasty = redisSemanticCache(redis, { now: Date.now, isErased: async () => false, readWaitMs: 0 });
    const near = async () => (await hasty.findNearest(nearest)).map(({ entry: { question } }) => question);

    expect(await near()).toEqual([]);
    await vi.waitFor(async () => expect(await near()).toEqual(["q0", "q1", "q2"]), { interval: 5 });
  });

  test("redisSemanticCache() has Redis forget an entry after its day, and everything of its scope", async () => {
    const prefix = newPrefix();
    const { cache, redis } = await openCache(prefix);
    await cache.put(entry({ signature: "kettle", vector: vectorAt(1) }), 10);

    const keys = (await redis.client.keys(`${prefix}:cache:*`)).filter((key) => !/:(scopes|counts)$/u.test(key));
    expect(keys.length).toBeGreaterThan(6);
    for (const key of keys) {
      const ttlMs = await redis.client.pttl(key);
      expect(ttlMs, key).toBeGreaterThan(DAY_MS - 10_000);
      expect(ttlMs, key).toBeLessThanOrEqual(DAY_MS + 60_000);
    }
  });

  test("redisSemanticCache() misses what Redis forgot by itself", async () => {
    const prefix = newPrefix();
    const { cache, redis } = await openCache(prefix);
    await cache.put(entry({ signature: "kettle", vector: vectorAt(1) }), 10);
    await cache.findNearest(nearest);
    for (const key of await redis.client.keys(`${prefix}:cache:*:e:*`)) await redis.client.del(key);

    expect(await cache.get("s1", entry().question, Date.now())).toBeUndefined();
    expect(await cache.findNearest(nearest)).toEqual([]);
    expect(await cache.findBySignature("s1", "kettle", Date.now())).toEqual([]);
    expect(await cache.inspect(5)).toEqual([]);
  });

  test("redisSemanticCache() misses what is no entry", async () => {
    const prefix = newPrefix();
    const { cache, redis } = await openCache(prefix);
    await cache.put(entry(), 10);
    const [key = ""] = await redis.client.keys(`${prefix}:cache:*:e:*`);
    for (const document of ["{", "null", '{"reply":1}']) {
      await redis.client.hset(key, "d", document);
      expect(await cache.get("s1", entry().question, Date.now())).toBeUndefined();
    }
  });

  test("put() keeps nothing of a turn that was erased while it was written, nor serves it", async () => {
    const prefix = newPrefix();
    const erased = new Set<string>();
    const { cache } = await openCache(prefix, server(), async (turnId) => erased.has(turnId));
    erased.add("t1");
    await cache.put(entry({ vector: vectorAt(0), signature: "kettle" }), 10);
    expect((await cache.stats()).entries).toBe(0);

    const unaware = (await openCache(prefix)).cache;
    await unaware.put(entry({ vector: vectorAt(0), signature: "kettle" }), 10);
    expect(await cache.get("s1", entry().question, Date.now())).toBeUndefined();
    expect(await cache.findNearest(nearest)).toEqual([]);
    expect(await cache.findBySignature("s1", "kettle", Date.now())).toEqual([]);
  });

  test("put() and evictTurn() at once leave the entry whole or gone", async () => {
    const prefix = newPrefix();
    const [one, two] = [(await openCache(prefix)).cache, (await openCache(prefix)).cache];
    for (let round = 0; round < 50; round += 1) {
      const scope = `s${round}`;
      await Promise.all([one.put(entry({ scope, vector: vectorAt(0) }), 10), two.evictTurn("t1")]);
      const left = (await one.inspect(9)).length;
      expect(await two.evictTurn("t1"), `round ${round}`).toBe(left);
      expect(await one.inspect(9)).toEqual([]);
    }
  });

  test("cautiousCache() makes misses of an outage, soon, and evicts what was missed before it serves again", async () => {
    const own = await startRedis(undefined, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
    const { redis, cache } = await openCache("p", own);
    const cautious = cautiousCache(cache, redis);
    await cautious.put(entry({ vector: vectorAt(0), signature: "kettle" }), 10);
    await cautious.put(entry({ question: "other", turnId: "t2", vector: vectorAt(1) }), 10);
    expect(await cautious.get("s1", "other", Date.now())).toBeDefined();

    await own.kill();
    const startedAtMs = Date.now();
    expect(await cautious.get("s1", "other", Date.now())).toBeUndefined();
    expect(await cautious.findNearest(nearest)).toEqual([]);
    expect(await cautious.findBySignature("s1", "kettle", Date.now())).toEqual([]);
    await cautious.put(entry({ question: "lost" }), 10);
    await cautious.count("miss");
    expect(await cautious.evictTurn("t1")).toBe(0);
    expect(Date.now() - startedAtMs).toBeLessThan(1000);
    await expect(cautious.clear()).rejects.toThrow(RedisUnavailableError);

    await own.start();
    await vi.waitFor(async () => expect(await cautious.get("s1", "other", Date.now())).toBeDefined(), {
      timeout: 5000,
    });
    expect(await cautious.get("s1", entry().question, Date.now())).toBeUndefined();
    expect((await cache.inspect(9)).map(({ question }) => question)).toEqual(["other"]);
  });

  test("cautiousCache() evicts when Redis is back, though nobody asks", async () => {
    const own = await startRedis(undefined, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
    const { redis, cache } = await openCache("p", own);
    const cautious = cautiousCache(cache, redis);
    await cautious.put(entry(), 10);
    await own.kill();
    await cautious.evictTurn("t1");
    await own.start();
    const elsewhere = (await openCache("p", own)).cache;

    await vi.waitFor(async () => expect(await elsewhere.inspect(9)).toEqual([]), { timeout: 5000, interval: 50 });
    await sleep(10);
  });

  test("cautiousCache() lets bugs through", async () => {
    const { redis, cache } = await openCache(newPrefix());
    const broken = { ...cache, get: async () => JSON.parse("{") };

    await expect(cautiousCache(broken, redis).get("s1", "q", 0)).rejects.toThrow(SyntaxError);
  });
});
