import { join, resolve } from "node:path";
import type { Config } from "#config/schema.ts";
import type { Log } from "#core/log.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { JobQueue } from "#jobs/job-queue.ts";
import type { Archive } from "#store/archive.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { type DeletionLog, logDeletions } from "#store/deletion-log.ts";
import { evictErased } from "#store/evict-erased.ts";
import type { FileStore } from "#store/file-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { Leases } from "#store/lease.ts";
import type { ModelStore } from "#store/model-store.ts";
import type { ModerationStore } from "#store/moderation-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import type { RateLimiter } from "#store/rate-limiter.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { SettingStore } from "#store/setting-store.ts";
import type { TurnVectorStore } from "#store/turn-vector-store.ts";

export interface Stores {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly models: ModelStore;
  readonly settings: SettingStore;
  readonly moderation: ModerationStore;
  readonly platforms: PlatformStore;
  readonly privacy: PrivacyStore;
  readonly deletions: DeletionLog;
  readonly vectors: TurnVectorStore;
  readonly cache: SemanticCache;
  readonly files: FileStore;
  readonly leases: Leases;
  readonly rateLimiter: RateLimiter;
  readonly archive: Archive;
  readonly jobs: JobQueue;
  readonly events: EventBus;
  /** Undefined while all is well; else what works worse meanwhile, in words. */
  describeProblem(): string | undefined;
  close(): Promise<void>;
}

/** Where everything that must not be lost lies. */
export interface DataPaths {
  readonly directory: string;
  readonly database: string;
  /** Outlives the database: a restore erases again whom it names. */
  readonly deletions: string;
  readonly adapters: string;
  readonly runs: string;
  readonly general: string;
}

export function dataPaths(config: Config["data"]): DataPaths {
  const directory = resolve(config.directory);
  return {
    directory,
    database: join(directory, "reactune.db"),
    deletions: join(directory, "deletions.jsonl"),
    adapters: join(directory, "adapters"),
    runs: join(directory, "runs"),
    general: join(directory, "general"),
  };
}

/**
 * One SQLite file and a folder of adapters, which any number of processes of one machine may open at once; with REDIS_URL the cache,
 * leases, limits, hints and jobs lie in Redis instead.
 */
export async function openStores(config: Config, log: Log): Promise<Stores> {
  const [{ openSqliteStore }, { sqliteJobQueue }, { openFileStore }, { openDeletionLog }, { memoryRateLimiter }, bus] =
    await Promise.all([
      import("#store/sqlite/open-sqlite-store.ts"),
      import("#jobs/sqlite/job-queue.ts"),
      import("#store/files/file-store.ts"),
      import("#store/files/deletion-log.ts"),
      import("#store/memory/rate-limiter.ts"),
      import("#events/memory/event-bus.ts"),
    ]);
  const paths = dataPaths(config.data);
  const sqlite = openSqliteStore({ path: paths.database, log, now: Date.now });
  const deletions = openDeletionLog(paths.deletions);
  const embedded: Stores = {
    chat: sqlite.chat,
    learning: sqlite.learning,
    people: sqlite.people,
    models: sqlite.models,
    settings: sqlite.settings,
    moderation: sqlite.moderation,
    platforms: sqlite.platforms,
    privacy: logDeletions(sqlite.privacy, deletions),
    deletions,
    vectors: sqlite.vectors,
    cache: sqlite.cache,
    leases: sqlite.leases,
    archive: sqlite.archive,
    files: await openFileStore(paths.adapters, Date.now),
    rateLimiter: memoryRateLimiter(),
    jobs: sqliteJobQueue({ database: sqlite.jobsDatabase, now: Date.now, random: Math.random, log }),
    events: bus.memoryEventBus(),
    describeProblem: () => undefined,
    close: async () => sqlite.close(),
  };
  const { redisUrl } = config.servers;
  return redisUrl === undefined ? embedded : withRedis(embedded, redisUrl, log);
}

async function withRedis(stores: Stores, url: string, log: Log): Promise<Stores> {
  const { openRedisStores } = await import("./open-redis-stores.ts");
  const redis = await openRedisStores(url, { chat: stores.chat, meanwhile: stores.rateLimiter }, log);
  return {
    ...stores,
    ...redis,
    privacy: evictErased(stores.privacy, redis.cache),
    async close() {
      await redis.close();
      await stores.close();
    },
  };
}
