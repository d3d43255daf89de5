import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { openStores } from "#compose/open-stores.ts";
import { inspectRedis } from "#compose/program-doctor.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { ConfigInvalidError } from "#core/errors.ts";
import { hasRedis, recordingLog } from "../../fixtures/redis/start-redis.ts";
import { startTlsRedis } from "../../fixtures/redis/start-tls.ts";

const TTL_MS = 60_000;

/** May touch nothing that is not of the installation "shop"; in braces stands what has to lie on one host of a cluster. */
const SHOP = ["--user", "ana", "on", ">word", "~shop:*", "~{shop:*", "&shop:*", "+@all"];

async function configOf(url: string, settings: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), "reactune-shared-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return loadConfig({
    ...readSystem(),
    argvSettings: Object.entries({ "data.directory": directory, ...settings }).map(([key, value]) => ({
      key,
      value,
      flag: "--set",
    })),
    environment: { REDIS_URL: url },
    workingDirectory: directory,
  });
}

async function install(url: string, settings: Readonly<Record<string, string>>) {
  const config = await configOf(url, settings);
  const stores = await openStores(config, recordingLog());
  onTestFinished(() => stores.close());
  return { config, stores };
}

describe.skipIf(!hasRedis)("A server of several installations (needs redis)", () => {
  test("openStores() keeps two apart by redis.prefix, over TLS, with a login that may touch one prefix only", async () => {
    const { port, certificate } = await startTlsRedis({
      args: SHOP,
      ping: async (plain) => {
        const client = new Redis({ port: plain, host: "127.0.0.1", lazyConnect: true, retryStrategy: () => null });
        client.on("error", () => {});
        await client
          .connect()
          .then(() => client.ping())
          .finally(() => client.disconnect());
      },
    });
    const at = (login: string, prefix: string) =>
      install(`rediss://${login}localhost:${port}`, { "redis.prefix": prefix, "redis.authorityFile": certificate });
    const [one, again, other] = [await at("ana:word@", "shop"), await at("ana:word@", "shop"), await at("", "office")];
    const acquire = ({ stores }: typeof one, holder: string) =>
      stores.leases.acquire("night", holder, TTL_MS, Date.now());

    expect([one, again, other].map(({ stores }) => stores.describeProblem())).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(await acquire(one, "one")).toBeDefined();
    expect(await acquire(again, "again")).toBeUndefined();
    expect(await acquire(other, "other")).toBeDefined();

    const listener = new Redis({ host: "localhost", port, tls: { ca: readFileSync(certificate, "utf8") } });
    onTestFinished(() => listener.disconnect());
    const channels: string[] = [];
    listener.on("pmessage", (_pattern, channel: string) => void channels.push(channel));
    await listener.psubscribe("*");
    for (const { stores } of [one, other]) stores.events.publish({ kind: "service.changed", scopeKey: "scope" });
    await expect.poll(() => channels.toSorted()).toEqual(["office:hints", "shop:hints"]);

    const job = { id: "run-1", kind: "train", key: "scope", payload: {}, priority: 0, attemptsMax: 1 };
    await one.stores.jobs.enqueue(job);
    expect((await again.stores.jobs.get("run-1"))?.state).toBe("queued");
    expect(await other.stores.jobs.get("run-1")).toBeUndefined();
    expect((await inspectRedis(one.config.servers.redisUrl ?? "", one.config.redis)).found).toContain(
      `localhost:${port}`,
    );
  });

  test("openStores() rejects with ConfigInvalidError when redis.authorityFile cannot be read", async () => {
    const config = await configOf("rediss://localhost:1", { "redis.authorityFile": "/nowhere/ca.pem" });

    await expect(openStores(config, recordingLog())).rejects.toThrow(ConfigInvalidError);
  });
});

test("loadConfig() refuses a prefix that could end early or match others", async () => {
  await expect(configOf("redis://localhost", { "redis.prefix": "a:*" })).rejects.toThrow(/redis\.prefix/);
});
