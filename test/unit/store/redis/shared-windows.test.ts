import { describe, expect, test } from "vitest";
import { redisSharedWindows } from "#store/redis/shared-windows.ts";
import { PLACE_HELD_MS } from "#store/shared-windows.ts";
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
      for (const one of processes) {
        const place = `place ${takenAtMs.length}`;
        if ((await one.take("C1", place, 4, 1000)) !== 0) continue;
        takenAtMs.push(clock.nowMs);
        await one.noteAnswered("C1", place, 1000);
      }
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
    const taken: number[] = [];
    for (const place of ["one", "two"]) {
      taken.push(await windows.take("C1", place, 2, 1000));
      await windows.noteAnswered("C1", place, 1000);
    }
    clock.nowMs += 300;

    expect(taken).toEqual([0, 0]);
    expect(await windows.take("C1", "three", 2, 1000)).toBe(700);
    expect(await Promise.all([windows.left("C1", 2, 1000), windows.left("C1", 5, 1000)])).toEqual([0, 3]);
    expect(await windows.left("C1", 2, 300)).toBe(2);
    expect(await windows.take("C1", "three", 3, 1000)).toBe(0);
    expect(await windows.take("C2", "one", 2, 1000)).toBe(0);
  });

  test("redisSharedWindows() holds a place until its window after the answer is over, or for a while where none comes", async () => {
    const clock = { nowMs: 9_000_000 };
    const windows = redisSharedWindows(await connectTo(server(), { prefix: newPrefix() }), () => clock.nowMs);
    await windows.take("C1", "slow", 1, 1000);
    clock.nowMs += 900;
    // It may have been counted only now.
    await windows.noteAnswered("C1", "slow", 1000);
    clock.nowMs += 999;
    const early = await windows.take("C1", "next", 1, 1000);
    clock.nowMs += 1;
    const inTime = await windows.take("C1", "lost", 1, 1000);
    clock.nowMs += PLACE_HELD_MS + 999;
    const early2 = await windows.take("C1", "last", 1, 1000);
    clock.nowMs += 1;

    expect([early, inTime, early2]).toEqual([1, 0, 1]);
    expect(await windows.take("C1", "last", 1, 1000)).toBe(0);
  });
});

test.skipIf(!hasRedis)(
  "redisSharedWindows() lets each process count for itself while Redis is away (needs redis)",
  async () => {
    const server = await startRedis();
    const windows = redisSharedWindows(await connectTo(server));
    await windows.take("C1", "one", 1, 60_000);
    await server.kill();

    expect(await windows.take("C1", "two", 1, 60_000)).toBe(0);
  },
);
