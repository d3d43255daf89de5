import { join, resolve } from "node:path";
import type { Config } from "#config/schema.ts";
import type { Log } from "#core/log.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { JobQueue } from "#jobs/job-queue.ts";
import type { Archive } from "#store/archive.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { type DeletionLog, logDeletions } from "#store/deletion-log.ts";
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

/** The embedded stores: one SQLite file and a folder of adapters. Any number of processes may open them at once. */
export async function openStores(config: Config, log: Log): Promise<Stores> {
  const [
    { openSqliteStore },
    { sqliteJobQueue },
    { openFileStore },
    { openDeletionLog },
    { memoryRateLimiter },
    { memoryEventBus },
  ] = await Promise.all([
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
  return {
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
    events: memoryEventBus(),
    close: async () => sqlite.close(),
  };
}
