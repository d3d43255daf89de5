import { describe, expect, test } from "vitest";
import { RedisUnavailableError } from "#core/errors.ts";
import { redisLiveProcesses } from "#store/redis/live-processes.ts";
import { connectTo, hasRedis, newPrefix, redisOfFile, startRedis } from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  const server = redisOfFile();

  async function openLive() {
    const clock = { nowMs: 1_000_000 };
    const redis = await connectTo(server(), { prefix: newPrefix() });
    return { clock, live: redisLiveProcesses(redis, () => clock.nowMs) };
  }

  test("beat() counts each process at the same work once, for as long as it lives", async () => {
    const { clock, live } = await openLive();
    expect(await live.beat("a", "one", 1000)).toBe(1);
    expect(await live.beat("a", "two", 1000)).toBe(2);
    expect(await live.beat("a", "two", 1000)).toBe(2);
    expect(await live.beat("b", "three", 1000)).toBe(1);

    clock.nowMs += 900;
    expect(await live.beat("a", "two", 1000)).toBe(2);
    clock.nowMs += 100;
    expect(await live.beat("a", "two", 1000)).toBe(1);
  });

  test("leave() ends a process's count at once, and none that has ended", async () => {
    const { live } = await openLive();
    await live.beat("a", "one", 1000);
    await live.beat("a", "two", 1000);

    await live.leave("a", "one");
    await live.leave("a", "unknown");

    expect(await live.beat("a", "two", 1000)).toBe(1);
  });
});

describe.skipIf(!hasRedis)("Redis away (needs redis)", () => {
  test("beat() rejects, so that the last count holds", async () => {
    const server = await startRedis();
    const live = redisLiveProcesses(await connectTo(server));
    await live.beat("a", "one", 1000);
    await server.kill();

    await expect(live.beat("a", "one", 1000)).rejects.toThrow(RedisUnavailableError);
  });
});
