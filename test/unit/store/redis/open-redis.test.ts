import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RedisUnavailableError } from "#core/errors.ts";
import { openRedis } from "#store/redis/open-redis.ts";
import { connectTo, freePort, hasRedis, recordingLog, startRedis } from "../../../fixtures/redis/start-redis.ts";
import { startTlsRedis } from "../../../fixtures/redis/start-tls.ts";

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  const PASSWORD = "pa:ss word%";
  const LOGIN = `:${encodeURIComponent(PASSWORD)}`;

  test("openRedis() says once that Redis is lost, fails at once meanwhile, and finds it again", async () => {
    const server = await startRedis();
    const log = recordingLog();
    const redis = await connectTo(server, { log });
    let returns = 0;
    const end = redis.onReturn(() => {
      returns += 1;
    });
    expect(redis.describeHealth()).toMatchObject({ isUp: true, hosts: `127.0.0.1:${server.port}` });
    expect(redis.describeHealth().problem).toBeUndefined();

    await server.kill();
    await vi.waitFor(() => expect(redis.describeHealth()).toMatchObject({ isUp: false, problem: expect.any(String) }));
    const startedAtMs = Date.now();
    await expect(redis.use((client) => client.get("k"))).rejects.toThrow(RedisUnavailableError);
    expect(Date.now() - startedAtMs).toBeLessThan(500);
    await sleep(1200);
    expect(log.lines.map(({ event }) => event)).toEqual(["redis.lost"]);

    await server.start();
    const backAtMs = Date.now();
    await vi.waitFor(() => expect(redis.describeHealth().isUp).toBe(true), { timeout: 5000, interval: 20 });
    expect(Date.now() - backAtMs).toBeLessThan(5000);
    expect(await redis.use((client) => client.set("k", "v"))).toBe("OK");
    expect(log.lines.map(({ event }) => event)).toEqual(["redis.lost", "redis.returned"]);
    expect(returns).toBe(1);
    end();
  });

  test("openRedis() names what a Redis says that lets nobody in", async () => {
    const server = await startRedis();
    await (await connectTo(server)).client.config("SET", "requirepass", PASSWORD);
    const redis = await connectTo({ url: server.url.replace("//", "//:wrong@") });

    await vi.waitFor(() => expect(redis.describeHealth().problem).toContain("WRONGPASS"));
    expect(redis.describeHealth().problem).not.toContain("wrong@");
  });

  test("openRedis() opens while Redis is away, and uses it as soon as it is there", async () => {
    const port = await freePort();
    const redis = await connectTo({ url: `redis://127.0.0.1:${port}` });
    expect(redis.describeHealth().isUp).toBe(false);

    await startRedis(undefined, { port });
    await vi.waitFor(async () => expect(await redis.use((client) => client.ping())).toBe("PONG"), {
      timeout: 5000,
      interval: 20,
    });
  });

  test("openRedis() waits once for a Redis that hangs, then fails at once until it answers", async () => {
    const server = await startRedis();
    const log = recordingLog();
    const redis = await connectTo(server, { log, commandTimeoutMs: 150 });
    const timed = async () => {
      const startedAtMs = Date.now();
      const failure = await redis.use((client) => client.get("k")).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(RedisUnavailableError);
      return Date.now() - startedAtMs;
    };
    server.pause();

    expect(await timed()).toBeGreaterThan(140);
    let sumMs = 0;
    for (let count = 0; count < 20; count += 1) sumMs += await timed();
    expect(sumMs).toBeLessThan(1500); // 20 timeouts are 3,000
    expect(redis.describeHealth().isUp).toBe(false);
    await sleep(1000);
    server.resume();
    await vi.waitFor(async () => expect(await redis.use((client) => client.get("k"))).toBeNull(), {
      timeout: 5000,
      interval: 20,
    });
    expect(log.lines.map(({ event }) => event)).toEqual(["redis.lost", "redis.returned"]);
  });

  test("openRedis() logs in, and neither log nor error holds the password or a command's words", async () => {
    const server = await startRedis();
    const open = await connectTo(server);
    await open.client.config("SET", "requirepass", PASSWORD);
    const right = await connectTo({ url: `redis://${LOGIN}@127.0.0.1:${server.port}/2` });
    expect(await right.use((client) => client.set("k", "v"))).toBe("OK");

    const log = recordingLog();
    const wrong = await connectTo({ url: `redis://ana:${LOGIN.slice(1)}x@127.0.0.1:${server.port}` }, { log });
    expect(wrong.describeHealth().isUp).toBe(false);
    const refused = await right.use((client) => client.call("EVAL", "return nothing(", 0, "my words")).catch(String);
    const unknown = await right.use((client) => client.call("NOPE", "my words")).catch(String);
    const away = await wrong.use((client) => client.set("k", "my words")).catch(String);

    expect(log.lines).toEqual([
      { level: "warn", event: "redis.lost", fields: { hosts: `127.0.0.1:${server.port}`, why: "WRONGPASS" } },
    ]);
    const told = JSON.stringify([log.lines, refused, unknown, away, wrong.describeHealth()]);
    for (const secret of [PASSWORD, LOGIN.slice(1), "ana", "my words"]) expect(told).not.toContain(secret);
    expect(told).toContain("Cannot use Redis at");
  });

  test("use() leaves errors that are not Redis' as they are", async () => {
    const redis = await connectTo(await startRedis());

    await expect(redis.use(async () => JSON.parse("{"))).rejects.toThrow(SyntaxError);
  });

  test("openRedis() speaks TLS with a server whose authority it is given, and refuses another", async () => {
    const { port, certificate } = await startTlsRedis();
    const url = `rediss://localhost:${port}`;

    const trusting = await connectTo({ url }, { authority: readFileSync(certificate, "utf8") });
    expect(await trusting.use((client) => client.set("k", "v"))).toBe("OK");
    const log = recordingLog();
    const doubting = await openRedis({ url, log, now: Date.now });
    onTestFinished(() => doubting.close());
    expect(doubting.describeHealth().isUp).toBe(false);
    expect(JSON.stringify(log.lines)).toContain("DEPTH_ZERO_SELF_SIGNED_CERT");
  });
});
