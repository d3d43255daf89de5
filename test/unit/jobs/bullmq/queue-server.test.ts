import { describe, expect, test } from "vitest";
import { readQueueServer } from "#jobs/bullmq/queue-server.ts";
import { connectTo, hasRedis, startRedis } from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("BullMQ (needs redis)", () => {
  test("readQueueServer() finds nothing to mend in a server that keeps jobs", async () => {
    const args = ["--appendonly", "yes", "--maxmemory", "64mb", "--maxmemory-policy", "noeviction"];
    const { client } = await connectTo(await startRedis(undefined, { args }));
    const found = await readQueueServer(client);

    expect(found).toMatchObject({ evictionPolicy: "noeviction", hasAppendOnlyFile: true, memoryMaxBytes: 2 ** 26 });
    expect(found.memoryUsedBytes).toBeGreaterThan(0);
    expect(found.problems).toEqual([]);
  });

  test("readQueueServer() says what loses jobs, and what to set", async () => {
    const { client } = await connectTo(await startRedis(undefined, { args: ["--maxmemory-policy", "allkeys-lru"] }));
    const { problems } = await readQueueServer(client);

    expect(problems).toEqual([
      {
        found: 'jobs may be dropped when its memory is full: its policy is "allkeys-lru"',
        fix: 'Set "maxmemory-policy noeviction" in redis.conf',
      },
      { found: "jobs are forgotten when it restarts", fix: 'Set "appendonly yes" in redis.conf' },
    ]);
  });
});
