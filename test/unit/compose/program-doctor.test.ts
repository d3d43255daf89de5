import { describe, expect, test } from "vitest";
import { inspectRedis } from "#compose/program-doctor.ts";
import { RedisUnavailableError } from "#core/errors.ts";
import { connectTo, hasRedis, startRedis } from "../../fixtures/redis/start-redis.ts";

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  test("inspectRedis() tells what the server is and what it lacks", async () => {
    const { url, port } = await startRedis(undefined, { args: ["--maxmemory", "64mb"] });
    const { found, problems } = await inspectRedis(url);

    expect(found).toMatch(new RegExp(`^Redis \\d+\\.\\d+\\.\\d+ at 127\\.0\\.0\\.1:${port}, \\d MB used, 67 MB$`, "u"));
    expect(problems).toEqual([expect.objectContaining({ fix: 'Set "appendonly yes" in redis.conf' })]);
  });

  test("inspectRedis() rejects without the password when it is not let in", async () => {
    const server = await startRedis();
    const { client } = await connectTo(server);
    await client.config("SET", "requirepass", "right-word");

    const failure = await inspectRedis(server.url.replace("//", "//:wrong-word@")).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RedisUnavailableError);
    expect(String(failure)).not.toContain("word@");
    expect(String(failure)).not.toContain("wrong-word");
  });
});
