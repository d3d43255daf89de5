import { readFile } from "node:fs/promises";
import type { Config } from "#config/schema.ts";
import { ConfigInvalidError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { RateLimiter } from "#store/rate-limiter.ts";
import { processName } from "./identity.ts";
import type { Stores } from "./stores.ts";

/** What several processes share besides the records: cache, leases, limits, hints and jobs. */
export type RedisStores = Pick<Stores, "cache" | "leases" | "rateLimiter" | "windows" | "live" | "events" | "jobs"> & {
  /** Undefined while all is well; else what works worse, in words. */
  describeProblem(): string | undefined;
  close(): Promise<void>;
};

export interface RedisSettings {
  readonly url: string;
  /** Before every key: two installations on one server have two. */
  readonly prefix: string;
  /** The text of the certificate that the server's is signed with. */
  readonly authority?: string;
}

export async function openRedisStores(
  settings: RedisSettings,
  parts: Pick<ChatStore, "findTurn"> & { readonly meanwhile: RateLimiter },
  log: Log,
): Promise<RedisStores> {
  const [
    redisModule,
    cacheModule,
    cautiousModule,
    leaseModule,
    limiterModule,
    windowsModule,
    liveModule,
    busModule,
    queueModule,
  ] = await Promise.all([
    import("#store/redis/open-redis.ts"),
    import("#store/redis/semantic-cache.ts"),
    import("#store/redis/cautious-cache.ts"),
    import("#store/redis/leases.ts"),
    import("#store/redis/rate-limiter.ts"),
    import("#store/redis/shared-windows.ts"),
    import("#store/redis/live-processes.ts"),
    import("#events/redis/event-bus.ts"),
    import("#jobs/bullmq/job-queue.ts"),
  ]);
  const redis = await redisModule.openRedis({ ...settings, log, now: Date.now });
  const { client, prefix, openPatient } = redis;
  const isErased = async (turnId: string) => (await parts.findTurn(turnId))?.status === "deleted";
  const events = await busModule.openRedisEventBus({
    publisher: client,
    subscriber: openPatient(),
    isUp: () => redis.describeHealth().isUp,
    prefix,
    processName,
    log,
  });
  return {
    cache: cautiousModule.cautiousCache(cacheModule.redisSemanticCache(redis, { now: Date.now, isErased }), redis),
    leases: leaseModule.redisLeases(redis),
    rateLimiter: limiterModule.redisRateLimiter(redis, { meanwhile: parts.meanwhile }),
    windows: windowsModule.redisSharedWindows(redis),
    live: liveModule.redisLiveProcesses(redis),
    events,
    jobs: queueModule.bullJobQueue({
      client,
      use: redis.use,
      openPatient,
      prefix,
      now: Date.now,
      random: Math.random,
      log,
    }),
    describeProblem: () => redis.describeHealth().problem,
    async close() {
      events.close();
      await redis.close();
    },
  };
}

/** Where Redis is and how it is spoken to; undefined without REDIS_URL. Rejects with ConfigInvalidError. */
export async function readRedisSettings({
  servers,
  redis,
}: Pick<Config, "servers" | "redis">): Promise<RedisSettings | undefined> {
  if (servers.redisUrl === undefined) return undefined;
  const { prefix, authorityFile } = redis;
  if (authorityFile === undefined) return { url: servers.redisUrl, prefix };
  try {
    return { url: servers.redisUrl, prefix, authority: await readFile(authorityFile, "utf8") };
  } catch (cause) {
    const problem = `redis.authorityFile: "${authorityFile}" cannot be read: check the path, or remove the setting`;
    throw new ConfigInvalidError([problem], { cause });
  }
}
