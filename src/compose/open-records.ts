import type { Log } from "#core/log.ts";
import { evictErased } from "#store/evict-erased.ts";
import { DATASET_FILES } from "#store/file-store.ts";
import type { DataPaths } from "./data-paths.ts";
import type { Stores } from "./stores.ts";

/** What holds the records, and what stands in for Redis where there is none. */
export type RecordStores = Omit<Stores, "deletions" | "rateLimiter" | "events">;

/** One SQLite file and a folder of adapters, which any number of processes of one machine may open at once. */
export async function openSqliteRecords(
  paths: DataPaths,
  shared: Pick<Stores, "cache"> | undefined,
  log: Log,
): Promise<RecordStores> {
  const [{ openSqliteStore }, { sqliteJobQueue }, { openFileStore }] = await Promise.all([
    import("#store/sqlite/open-sqlite-store.ts"),
    import("#jobs/sqlite/job-queue.ts"),
    import("#store/files/file-store.ts"),
  ]);
  const { jobsDatabase, ...sqlite } = openSqliteStore({ path: paths.database, log, now: Date.now });
  await sqlite.archive.resumeImport();
  return {
    ...sqlite,
    describeOutage: () => undefined,
    // SQLite's erasing reaches its own cache; MongoDB's the one that it is given.
    privacy: shared === undefined ? sqlite.privacy : evictErased(sqlite.privacy, shared.cache),
    files: await openFileStore(paths.adapters, Date.now),
    jobs: sqliteJobQueue({ database: jobsDatabase, now: Date.now, random: Math.random, log }),
    close: async () => sqlite.close(),
  };
}

/**
 * Records, adapters and the data sets of runs in MongoDB; of the files a copy in the data folder, checked by its hash. Jobs need Redis to leave this machine:
 * without it they stay in the folder's SQLite file, and the trainer must share the folder with who asks it.
 */
export async function openMongoRecords(
  uri: string,
  paths: DataPaths,
  shared: Pick<Stores, "cache" | "jobs"> | undefined,
  log: Log,
): Promise<RecordStores> {
  const [{ openMongoStore }, { openGridFiles }, { openFileStore }] = await Promise.all([
    import("#store/mongo/open-mongo-store.ts"),
    import("#store/mongo/grid-files.ts"),
    import("#store/files/file-store.ts"),
  ]);
  const { connection, ...mongo } = await openMongoStore({
    uri,
    log,
    now: Date.now,
    ...(shared === undefined ? {} : { cache: shared.cache }),
  });
  const local =
    shared === undefined
      ? await openSqliteRecords(paths, undefined, log)
      : { jobs: shared.jobs, close: async () => {} };
  return {
    ...mongo,
    describeProblem: () => undefined,
    files: openGridFiles(connection, await openFileStore(paths.adapters, Date.now)),
    datasets: openGridFiles(connection, await openFileStore(paths.datasets, Date.now, DATASET_FILES), DATASET_FILES),
    jobs: local.jobs,
    async close() {
      await mongo.close();
      await local.close();
    },
  };
}
