import { expect, test } from "vitest";
import { memoryRateLimiter } from "#store/memory/rate-limiter.ts";
import { rateLimiterContract } from "../../../contract/rate-limiter.ts";

rateLimiterContract(async () => memoryRateLimiter());

test("memoryRateLimiter() remembers a bounded number of names, the newest", async () => {
  const limiter = memoryRateLimiter(3);
  for (const [nowMs, key] of ["a", "b", "c", "d"].entries()) await limiter.take(key, 1, 1000, nowMs);

  expect((await limiter.take("d", 1, 1000, 10)).isAllowed).toBe(false);
  expect((await limiter.take("b", 1, 1000, 10)).isAllowed).toBe(false);
  expect((await limiter.take("a", 1, 1000, 10)).isAllowed).toBe(true);
});

test("memoryRateLimiter() makes nobody wait longer than a window when the clock was set back", async () => {
  const limiter = memoryRateLimiter();
  await limiter.take("ana", 1, 1000, 1_000_000);

  expect(await limiter.take("ana", 1, 1000, 0)).toEqual({ isAllowed: false, retryAfterMs: 1000 });
});
