import { once } from "node:events";
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
  const KINDS = ["service.changed", "run.changed", "turn.changed", "learning.changed", "settings.changed"] as const;
  const HINT: Hint = { kind: "service.changed", scopeKey: "s1" };

  async function openBus(processName: string, prefix: string, on: RedisServer = server()) {
    const log = recordingLog();
    const redis = await connectTo(on, { prefix, log });
    const bus = await openRedisEventBus({
      publisher: redis.client,
      subscriber: redis.openPatient(),
      isUp: () => redis.describeHealth().isUp,
      prefix: redis.prefix,
      processName,
      log,
    });
    onTestFinished(() => bus.close());
    const heard: Hint[] = [];
    bus.subscribe(KINDS, (hint) => heard.push(hint));
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
      bus.subscribe(KINDS, () => {
        throw new Error("no");
      });
    }
    const after: Hint[] = [];
    two.bus.subscribe(KINDS, (hint) => after.push(hint));
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

  test("publish() reaches another process by a reply's hint only while somebody there listens to replies", async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([openBus("one", prefix), openBus("two", prefix)]);
    const commands: string[] = [];
    const wire = await connectTo(server(), { prefix });
    const answered: Hint = { kind: "turn.answered", turnId: "t1" };
    const listensOf = async () => Number((await wire.client.pubsub("NUMSUB", `${prefix}:answers`))[1]);
    expect(await listensOf()).toBe(0);

    const ends = [1, 2].map(() => two.bus.subscribe(["turn.answered"], ({ turnId }) => commands.push(turnId)));
    await vi.waitFor(async () => expect(await listensOf()).toBe(1));
    one.bus.publish(answered);
    await vi.waitFor(() => expect(commands).toEqual(["t1", "t1"]));

    ends[0]?.();
    await sleep(30);
    expect(await listensOf()).toBe(1);
    ends[1]?.();
    await vi.waitFor(async () => expect(await listensOf()).toBe(0));
  });

  test("hearingSpan() is undefined while Redis is away, and another number when it is back", async () => {
    const own = await startRedis();
    const { bus } = await openBus("one", "p", own);
    const before = bus.hearingSpan();
    expect(before).toBeTypeOf("number");
    expect(bus.hearingSpan()).toBe(before);

    await own.kill();
    await vi.waitFor(() => expect(bus.hearingSpan()).toBeUndefined());
    await own.start();
    await vi.waitFor(() => expect(bus.hearingSpan()).toBeTypeOf("number"), { timeout: 5000 });
    expect(bus.hearingSpan()).not.toBe(before);
  });

  test("hearingSpan() is undefined soon when Redis hangs while it is asked", async () => {
    const own = await startRedis();
    const { bus, redis } = await openBus("one", "p", own);
    own.pause();
    onTestFinished(() => own.resume());

    await expect(redis.use((client) => client.get("anything"))).rejects.toThrow();
    expect(bus.hearingSpan()).toBeUndefined();
  });

  test("publish() tells the others of a change of service later when its own wire was cut", async () => {
    const prefix = newPrefix();
    const [one, two] = await Promise.all([openBus("one", prefix), openBus("two", prefix)]);
    const closed = once(one.redis.client, "close");
    one.redis.client.disconnect(true);
    await closed;
    expect(one.bus.hearingSpan()).toBeUndefined();
    one.bus.publish({ kind: "turn.changed", turnId: "t1" });
    one.bus.publish(HINT);

    await vi.waitFor(() => expect(two.heard).toEqual([HINT]), { timeout: 5000 });
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
