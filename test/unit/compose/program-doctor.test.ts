import { once } from "node:events";
import { createServer } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { inspectMongo, inspectOllama, inspectRedis } from "#compose/program-doctor.ts";
import { RedisUnavailableError } from "#core/errors.ts";
import { mongoPeer, useMongoPeer } from "../../fixtures/mongo/open-peer.ts";
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

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const mongo = useMongoPeer();

  test("inspectMongo() names the database without the login, and tells of a server that stands alone", async () => {
    const { found, problems } = await inspectMongo(mongo.uri());

    expect(found).toMatch(/^MongoDB at [^@]+, database \S+$/u);
    expect(problems.map(({ fix }) => fix).join()).toMatch(/^(Start it with --replSet .*)?$/u);
  });
});

test("inspectOllama() names the version, and rejects when what answers is no Ollama", async () => {
  let answer = '{"version":"0.6.5"}';
  const server = createServer((_request, response) => void response.end(answer)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;

  expect((await inspectOllama(url)).found).toBe(`Ollama 0.6.5 at ${new URL(url).host}`);
  answer = "<html>";
  await expect(inspectOllama(url)).rejects.toThrow();
});
