import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { FileRefusedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { Leases } from "#store/lease.ts";
import type { ModelStore } from "#store/model-store.ts";
import type { ModerationStore } from "#store/moderation-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { SettingStore } from "#store/setting-store.ts";
import type { TurnVectorStore } from "#store/turn-vector-store.ts";
import { sqliteAdapters } from "./adapters.ts";
import { type AnswerWriters, sqliteAnswers } from "./answers.ts";
import { type SqliteArchive, sqliteArchive } from "./archive.ts";
import { prepareSaveConversation, sqliteConversations } from "./conversations.ts";
import { sqliteCountReader } from "./count-reader.ts";
import { sqliteCounts } from "./counts.ts";
import { sqliteDeliveries } from "./deliveries.ts";
import { sqliteErasedLookup } from "./erased-lookup.ts";
import { sqliteFeedback } from "./feedback.ts";
import { prepareFinishEvent, sqliteInbox } from "./inbox.ts";
import { settleWrites } from "./late-sync.ts";
import { sqliteLeases } from "./leases.ts";
import { createLogEmptier } from "./log-emptier.ts";
import { migrate } from "./migrate.ts";
import { sqliteModelStore } from "./model-uses.ts";
import { sqliteModeration } from "./moderation.ts";
import { sqlitePeopleStore } from "./people.ts";
import { sqlitePlatforms } from "./platforms.ts";
import { sqlitePrivacy } from "./privacy.ts";
import { sqliteRatedTurns } from "./rated-turns.ts";
import { sqliteRuns } from "./runs.ts";
import { openSqliteCache } from "./semantic-cache.ts";
import { sqliteServices } from "./services.ts";
import { sqliteSettings } from "./settings.ts";
import { Sql } from "./sql.ts";
import { prepareSave } from "./table.ts";
import { deliveryTable } from "./tables.ts";
import { sqliteTurnMarks } from "./turn-marks.ts";
import { prepareSaveCountedTurn, sqliteTurns } from "./turns.ts";
import { sqliteTurnVectors } from "./vectors.ts";

export interface SqliteStore {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly models: ModelStore;
  readonly settings: SettingStore;
  readonly moderation: ModerationStore;
  readonly platforms: PlatformStore;
  readonly privacy: PrivacyStore;
  readonly vectors: TurnVectorStore;
  readonly cache: SemanticCache;
  readonly leases: Leases;
  readonly archive: SqliteArchive;
  /** Undefined while all is well; else what is not as it should be, in words. */
  describeProblem(): string | undefined;
  /** For `openSqliteJobQueue`, whose table is in the same file. */
  readonly jobsDatabase: Sql;
  close(): void;
}

export interface SqliteStoreOptions {
  /** The file; it and its folder are made when absent. */
  readonly path: string;
  readonly log?: Log;
  readonly now: () => number;
  /** How many events of a run are kept; 5,000 when not given. */
  readonly runEventsMax?: number;
  /** How long after a try that failed erased words are taken out of the log again; 5 s when not given. */
  readonly emptyAgainMs?: number;
  /** Hears of every statement that the store prepares. */
  readonly onPrepare?: (sql: string) => void;
}

/** How long a write waits for another process before it fails. */
const BUSY_MS = 10_000;

/** Throws StoreTooNewError when a newer program wrote the file, FileRefusedError when it cannot be used. Any number of processes may have it open. */
export function openSqliteStore(options: SqliteStoreOptions): SqliteStore {
  mkdirSync(dirname(options.path), { recursive: true });
  try {
    const sql = new Sql(options.path, { durability: "late", busyMs: BUSY_MS, ...listenerOf(options) });
    try {
      migrate(sql, options);
      return composeStore(sql, options);
    } catch (cause) {
      sql.close();
      throw cause;
    }
  } catch (cause) {
    throw refusalOf(cause, options.path);
  }
}

const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/unable to open/i, "it cannot be opened"],
  [/readonly database/i, "it cannot be written"],
  [/not a database|malformed/i, "it is no database, or it is damaged: restore a backup"],
  [/disk is full/i, "the disk is full"],
];

/** FileRefusedError for what the operator can mend, else the error itself. */
function refusalOf(error: unknown, path: string): unknown {
  const message = error instanceof Error ? error.message : "";
  const why = REFUSALS.find(([pattern]) => pattern.test(message))?.[1];
  return why === undefined ? error : new FileRefusedError(path, why, { cause: error });
}

function listenerOf({ onPrepare }: SqliteStoreOptions): Pick<SqliteStoreOptions, "onPrepare"> {
  return onPrepare === undefined ? {} : { onPrepare };
}

function composeStore(sql: Sql, options: SqliteStoreOptions): SqliteStore {
  const { now, log, runEventsMax = 5000, emptyAgainMs: againMs = 5000 } = options;
  const listener = listenerOf(options);
  const counts = sqliteCounts(sql);
  const marks = sqliteTurnMarks(sql);
  const erased = sqliteErasedLookup(sql);
  const emptier = createLogEmptier(sql, { againMs, ...(log === undefined ? {} : { log }) });
  // Nothing in the cache is worth an fsync: what a power cut takes is answered again.
  const cacheSql = new Sql(sql.path, { durability: "normal", busyMs: BUSY_MS, ...listener });
  const cache = openSqliteCache(cacheSql);
  // Written seldom, and by methods that are not settled here.
  const jobsDatabase = new Sql(sql.path, { durability: "full", busyMs: BUSY_MS, ...listener });
  const settled = <Store extends object>(store: Store) => settleWrites(sql, store);
  const write: AnswerWriters = {
    conversation: prepareSaveConversation(sql),
    turn: prepareSaveCountedTurn(sql, counts, marks, erased),
    delivery: prepareSave(sql, deliveryTable),
    finish: prepareFinishEvent(sql),
  };

  return {
    chat: settled({
      ...sqliteInbox(sql, write.finish),
      ...sqliteConversations(sql, write.conversation),
      ...sqliteTurns(sql, write.turn),
      ...sqliteFeedback(sql, counts, marks, erased),
      ...sqliteDeliveries(sql, write.delivery),
      ...sqliteAnswers(sql, write),
    }),
    learning: settled({
      ...sqliteCountReader(sql, counts, marks),
      ...sqliteRatedTurns(sql),
      ...sqliteRuns(sql, runEventsMax),
      ...sqliteAdapters(sql),
      ...sqliteServices(sql),
    }),
    people: settled(sqlitePeopleStore(sql)),
    models: settled(sqliteModelStore(sql)),
    settings: settled(sqliteSettings(sql)),
    moderation: settled(sqliteModeration(sql, erased)),
    platforms: settled(sqlitePlatforms(sql)),
    privacy: settled(sqlitePrivacy(sql, counts, marks, emptier)),
    vectors: settled(sqliteTurnVectors(sql)),
    cache,
    leases: settled(sqliteLeases(sql)),
    archive: sqliteArchive(sql.path, { now, busyMs: BUSY_MS }),
    describeProblem: emptier.describeProblem,
    jobsDatabase,
    close() {
      emptier.close();
      cache.close();
      cacheSql.close();
      jobsDatabase.close();
      sql.close();
    },
  };
}
