import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Hint } from "#events/event-bus.ts";
import { openRedisEventBus } from "#events/redis/event-bus.ts";
import { eventBusContract } from "../../../contract/event-bus.ts";
import {
  connectTo,
  hasRedis,
  newPrefix,
  type RedisServer,
  recordingLog,
  redisOfFile,
  startRedis,
} from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  const server = redisOfFile();
  const HINT: Hint = { kind: "service.changed", scopeKey: "s1" };

  async function openBus(processName: string, prefix: string, on: RedisServer = server()) {
    const log = recordingLog();
    const redis = await connectTo(on, { prefix, log });
    const bus = await openRedisEventBus({
      publisher: redis.client,
      subscriber: redis.openPatient(),
      prefix: redis.prefix,
      processName,
      log,
    });
    onTestFinished(() => bus.close());
    const heard: Hint[] = [];
    bus.subscribe((hint) => heard.push(hint));
    return { bus, heard, log, redis };
  }

  eventBusContract(
    async () => (await openBus("one", newPrefix())).bus,
    async () => {
      await sleep(30);
    },
  );

  test("publish() reaches every process once, also its own, within a second", async () => {
    const prefix = newPrefix();
    const buses = await Promise.all(["one", "two", "three"].map((name) => openBus(name, prefix)));
    const elsewhere = await openBus("four", newPrefix());
    const hints: readonly Hint[] = [
      HINT,
      { kind: "run.changed", runId: "r1" },
      { kind: "turn.changed", turnId: "t1" },
      { kind: "learning.changed", workspaceId: "w1" },
      { kind: "settings.changed", workspaceId: "w1" },
    ];
    const startedAtMs = Date.now();
    for (const hint of hints) buses[0]?.bus.publish(hint);

    await vi.waitFor(() => expect(buses.map(({ heard }) => heard)).toEqual(buses.map(() => hints)), { interval: 2 });
    expect(Date.now() - startedAtMs).toBeLessThan(1000);
    await sleep(50);
    expect(buses.map(({ heard }) => heard.length)).toEqual([5, 5, 5]);
    expect(elsewhere.heard).toEqual([]);
  });

  test("publish() reaches the other listeners when one throws", async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([openBus("one", prefix), openBus("two", prefix)]);
    for (const { bus } of [one, two]) {
      bus.subscribe(() => {
        throw new Error("no");
      });
    }
    const after: Hint[] = [];
    two.bus.subscribe((hint) => after.push(hint));
    one.bus.publish(HINT);

    await vi.waitFor(() => expect([...one.heard, ...two.heard, ...after]).toEqual([HINT, HINT, HINT]));
    expect(two.log.lines).toContainEqual(expect.objectContaining({ event: "event.listener-failed" }));
  });

  test("openRedisEventBus() drops what is no hint", async () => {
    const prefix = newPrefix();
    const { heard, redis, log } = await openBus("one", prefix);
    for (const text of ["{", "null", '{"from":"x","hint":{"kind":"evil"}}', '{"from":"x"}']) {
      await redis.client.publish(`${prefix}:hints`, text);
    }

    await vi.waitFor(() => expect(log.lines.map(({ event }) => event)).toEqual(Array(4).fill("event.unreadable")));
    expect(heard).toEqual([]);
  });

  test("publish() is heard in its own process while Redis is away, and by all again when it is back", async () => {
    const own = await startRedis();
    const [one, two] = await Promise.all([openBus("one", "p", own), openBus("two", "p", own)]);
    await own.kill();
    one.bus.publish(HINT);
    await vi.waitFor(() => expect(one.heard).toEqual([HINT]));
    expect(two.heard).toEqual([]);

    await own.start();
    const backAtMs = Date.now();
    const late: Hint = { kind: "run.changed", runId: "r2" };
    await vi.waitFor(
      () => {
        one.bus.publish(late);
        expect(two.heard).toContainEqual(late);
      },
      { timeout: 5000, interval: 50 },
    );
    expect(Date.now() - backAtMs).toBeLessThan(5000);
  });

  test("openRedisEventBus() opens while Redis is away, and hears when it is there", async () => {
    const own = await startRedis();
    await own.kill();
    const [one, two] = await Promise.all([openBus("one", "p", own), openBus("two", "p", own)]);
    await own.start();

    await vi.waitFor(
      () => {
        one.bus.publish(HINT);
        expect(two.heard).toContainEqual(HINT);
      },
      { timeout: 5000, interval: 50 },
    );
  });
});
