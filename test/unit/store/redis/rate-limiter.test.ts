import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { memoryRateLimiter } from "#store/memory/rate-limiter.ts";
import { redisRateLimiter } from "#store/redis/rate-limiter.ts";
import { rateLimiterContract } from "../../../contract/rate-limiter.ts";
import { connectTo, hasRedis, newPrefix, redisOfFile, startRedis } from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  const server = redisOfFile();

  rateLimiterContract(async () =>
    redisRateLimiter(await connectTo(server(), { prefix: newPrefix() }), {
      meanwhile: memoryRateLimiter(),
      clock: "caller",
    }),
  );

  test("redisRateLimiter() counts over all processes, by the server's clock", async () => {
    const prefix = newPrefix();
    const limiters = await Promise.all(
      [0, 1, 2].map(async () =>
        redisRateLimiter(await connectTo(server(), { prefix }), { meanwhile: memoryRateLimiter() }),
      ),
    );
    const takeMany = () =>
      Promise.all(limiters.flatMap((one) => [0, 1, 2, 3].map((hour) => one.take("ana", 5, 1000, hour))));

    const taken = await takeMany();
    expect(taken.filter(({ isAllowed }) => isAllowed)).toHaveLength(5);
    for (const { isAllowed, retryAfterMs } of taken) {
      if (!isAllowed) expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual(1000);
    }
    await sleep(1010);
    expect((await takeMany()).filter(({ isAllowed }) => isAllowed)).toHaveLength(5);
  });

  test("redisRateLimiter() leaves nothing behind when a window is over", async () => {
    const redis = await connectTo(server(), { prefix: newPrefix() });
    const limiter = redisRateLimiter(redis, { meanwhile: memoryRateLimiter() });
    await limiter.take("ana", 5, 50, 0);
    const [key = ""] = await redis.client.keys(`${redis.prefix}:rate:*`);

    expect(await redis.client.pttl(key)).toBeGreaterThan(0);
    expect(await redis.client.pttl(key)).toBeLessThanOrEqual(1050);
  });

  test("redisRateLimiter() limits in this process while Redis is away", async () => {
    const own = await startRedis();
    const limiter = redisRateLimiter(await connectTo(own), { meanwhile: memoryRateLimiter() });
    await own.kill();

    expect((await limiter.take("ana", 1, 1000, 0)).isAllowed).toBe(true);
    expect(await limiter.take("ana", 1, 1000, 0)).toEqual({ isAllowed: false, retryAfterMs: 1000 });
  });
});
