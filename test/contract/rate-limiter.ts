import { expect, test } from "vitest";
import type { RateLimiter } from "#store/rate-limiter.ts";

/** What every RateLimiter promises. `open` gives an empty one. */
export function rateLimiterContract(open: () => Promise<RateLimiter>): void {
  test("take() allows as many points as a window has, then says how long to wait", async () => {
    const limiter = await open();
    const taken = [];
    for (const nowMs of [0, 10, 20]) taken.push(await limiter.take("ana", 2, 1000, nowMs));

    expect(taken.map(({ isAllowed }) => isAllowed)).toEqual([true, true, false]);
    expect(taken[0]?.retryAfterMs).toBe(0);
    expect(taken[2]?.retryAfterMs).toBe(980);
  });

  test("take() allows again when the window is over, and after exactly the wait it told", async () => {
    const limiter = await open();
    await limiter.take("ana", 1, 1000, 0);
    const refused = await limiter.take("ana", 1, 1000, 400);

    expect((await limiter.take("ana", 1, 1000, 400 + refused.retryAfterMs - 1)).isAllowed).toBe(false);
    expect((await limiter.take("ana", 1, 1000, 400 + refused.retryAfterMs)).isAllowed).toBe(true);
  });

  test("take() counts each key for itself", async () => {
    const limiter = await open();
    await limiter.take("ana", 1, 1000, 0);

    expect((await limiter.take("ben", 1, 1000, 0)).isAllowed).toBe(true);
    expect((await limiter.take("__proto__", 1, 1000, 0)).isAllowed).toBe(true);
    expect((await limiter.take("ana", 1, 1000, 0)).isAllowed).toBe(false);
  });

  test("take() never allows when there are no points", async () => {
    const limiter = await open();

    expect(await limiter.take("ana", 0, 1000, 0)).toEqual({ isAllowed: false, retryAfterMs: 1000 });
  });
}
