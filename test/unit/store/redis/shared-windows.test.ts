import { describe, expect, test } from "vitest";
import { redisSharedWindows } from "#store/redis/shared-windows.ts";
import { connectTo, hasRedis, newPrefix, redisOfFile, startRedis } from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  const server = redisOfFile();

  test("redisSharedWindows() lets all processes together take no more places than any window has", async () => {
    const prefix = newPrefix();
    const clock = { nowMs: 1_000_000 };
    const processes = await Promise.all(
      [0, 1, 2].map(async () => redisSharedWindows(await connectTo(server(), { prefix }), () => clock.nowMs)),
    );
    const takenAtMs: number[] = [];
    for (let step = 0; step < 200; step++) {
      for (const one of processes) if ((await one.take("C1", 4, 1000)) === 0) takenAtMs.push(clock.nowMs);
      clock.nowMs += 37;
    }

    const most = Math.max(
      ...takenAtMs.map((fromMs) => takenAtMs.filter((at) => at >= fromMs && at < fromMs + 1000).length),
    );
    expect(most).toBe(4);
    // Every place that is over is taken again.
    expect(takenAtMs.length).toBeGreaterThan((200 * 37 * 4) / 1000 / 1.2);
  });

  test("redisSharedWindows() tells when a place is free, and keeps some for whoever asks for more places", async () => {
    const clock = { nowMs: 5_000_000 };
    const windows = redisSharedWindows(await connectTo(server(), { prefix: newPrefix() }), () => clock.nowMs);
    const taken = [await windows.take("C1", 2, 1000), await windows.take("C1", 2, 1000)];
    clock.nowMs += 300;

    expect(taken).toEqual([0, 0]);
    expect(await windows.take("C1", 2, 1000)).toBe(700);
    expect(await Promise.all([windows.left("C1", 2, 1000), windows.left("C1", 5, 1000)])).toEqual([0, 3]);
    expect(await windows.left("C1", 2, 300)).toBe(2);
    expect(await windows.take("C1", 3, 1000)).toBe(0);
    expect(await windows.take("C2", 2, 1000)).toBe(0);
  });
});

test.skipIf(!hasRedis)(
  "redisSharedWindows() lets each process count for itself while Redis is away (needs redis)",
  async () => {
    const server = await startRedis();
    const windows = redisSharedWindows(await connectTo(server));
    await windows.take("C1", 1, 60_000);
    await server.kill();

    expect(await windows.take("C1", 1, 60_000)).toBe(0);
  },
);
