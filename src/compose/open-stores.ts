import type { Config } from "#config/schema.ts";
import type { Log } from "#core/log.ts";
import { memoryEventBus } from "#events/memory/event-bus.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { logDeletions } from "#store/deletion-log.ts";
import { openDeletionLog } from "#store/files/deletion-log.ts";
import { dataPaths } from "./data-paths.ts";
import { openMongoRecords, openSqliteRecords } from "./open-records.ts";
import { openRedisStores, readRedisSettings } from "./open-redis-stores.ts";
import type { Stores } from "./stores.ts";

/**
 * Records in one SQLite file, or in MongoDB with MONGODB_URI; cache, leases, limits, hints and jobs beside them, or in Redis with
 * REDIS_URL. Any number of processes may open them at once: of one machine, or of any where both servers are set.
 */
export async function openStores(config: Config, log: Log): Promise<Stores> {
  const paths = dataPaths(config.data);
  const { mongodbUri } = config.servers;
  const redis = await readRedisSettings(config);
  const { memoryRateLimiter } = await import("#store/memory/rate-limiter.ts");
  const meanwhile = memoryRateLimiter();
  // The cache asks whose words are gone; who holds the records is opened next.
  let chat: ChatStore | undefined;
  const shared =
    redis === undefined
      ? undefined
      : await openRedisStores(redis, { findTurn: async (id) => chat?.findTurn(id), meanwhile }, log);
  try {
    const own =
      mongodbUri === undefined
        ? await openSqliteRecords(paths, shared, log)
        : await openMongoRecords(mongodbUri, paths, shared, log);
    chat = own.chat;
    const deletions = openDeletionLog(paths.deletions);
    return {
      ...own,
      ...(shared ?? { rateLimiter: meanwhile, events: memoryEventBus() }),
      describeProblem: () => shared?.describeProblem() ?? own.describeProblem(),
      privacy: logDeletions(own.privacy, deletions),
      deletions,
      async close() {
        await shared?.close();
        await own.close();
      },
    };
  } catch (error) {
    await shared?.close();
    throw error;
  }
}
