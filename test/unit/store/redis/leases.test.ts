import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { RedisUnavailableError } from "#core/errors.ts";
import { redisLeases } from "#store/redis/leases.ts";
import { leaseContract } from "../../../contract/lease.ts";
import { connectTo, hasRedis, newPrefix, redisOfFile, startRedis } from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  const server = redisOfFile();

  async function openTwo() {
    const prefix = newPrefix();
    return Promise.all([connectTo(server(), { prefix }), connectTo(server(), { prefix })]);
  }

  leaseContract(async () => {
    const [one, two] = await openTwo();
    return [redisLeases(one, "caller"), redisLeases(two, "caller")];
  });

  test("redisLeases() goes by the server's clock, whatever the callers think the time is", async () => {
    const [one, two] = (await openTwo()).map((redis) => redisLeases(redis));
    const lease = await one?.acquire("train", "a", 700, 9_000_000_000_000);

    expect(lease).toBeDefined();
    expect(await two?.acquire("train", "b", 700, 9_999_999_999_999)).toBeUndefined();
    await sleep(720);
    expect(lease && (await one?.renew(lease, 700, 0))).toBe(false);
    expect((await two?.acquire("train", "b", 700, 0))?.fencingToken).toBeGreaterThan(lease?.fencingToken ?? Number.NaN);
  });

  test("redisLeases() gives larger fencing tokens after Redis forgot the name", async () => {
    const [one] = await openTwo();
    const leases = redisLeases(one as NonNullable<typeof one>);
    const first = await leases.acquire("train", "a", 1000, 0);
    for (const key of (await one?.client.keys(`{${one.prefix}:lease}:*`)) ?? []) await one?.client.del(key);

    expect((await leases.acquire("train", "b", 1000, 0))?.fencingToken).toBeGreaterThan(
      first?.fencingToken ?? Number.NaN,
    );
  });

  test("renew() rejects while Redis is away, so that its holder stops", async () => {
    const own = await startRedis();
    const leases = redisLeases(await connectTo(own));
    const lease = await leases.acquire("train", "a", 1000, 0);
    if (lease === undefined) throw new Error("nobody held it");
    await own.kill();

    await expect(leases.renew(lease, 1000, 0)).rejects.toThrow(RedisUnavailableError);
  });
});
