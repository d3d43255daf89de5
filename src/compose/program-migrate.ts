import type { Command } from "commander";
import { migrate } from "#commands/migrate.ts";
import type { Config } from "#config/schema.ts";
import { MigrationRefusedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { CommandContext } from "./command-context.ts";
import { dataPaths } from "./data-paths.ts";
import { openLog } from "./open-log.ts";
import { openMongoRecords, openSqliteRecords, type RecordStores } from "./open-records.ts";
import { readRedisSettings } from "./open-redis-stores.ts";
import { findServer } from "./running-server.ts";
import { requireNobodyServes } from "./serving-mark.ts";

const STORES = ["sqlite", "mongo"];

export function addMigrateCommand(program: Command, context: CommandContext): void {
  program
    .command("migrate")
    .requiredOption("--from <store>", "sqlite or mongo; it is only read")
    .requiredOption("--to <store>", "the other one, empty")
    .option("--replace", "remove what is in the other one first")
    .option("--dry-run", "read and check everything, change nothing")
    .option("--json", "for scripts")
    .description("move everything into another store, and compare both")
    .action(async ({ from, to, replace, dryRun, json }) => {
      const { config } = context.load();
      const isDryRun = dryRun === true;
      await refuse(config, String(from), String(to), isDryRun);
      const level = config.log.level === "info" ? "warn" : config.log.level;
      const log = await openLog({ ...config.log, level }, "stderr");
      if (!isDryRun) await refuseWhileServed(config, log);
      const opened: RecordStores[] = [];
      try {
        for (const name of [from, to]) opened.push(await openRecords(name, config, log));
        const [old, next] = opened;
        if (old === undefined || next === undefined) return;
        const options = { isDryRun, isReplacing: replace === true, isJson: json === true };
        await migrate(old, next, options, context.output);
      } finally {
        for (const store of opened) await store.close();
      }
    });
}

async function refuse(config: Config, from: string, to: string, isDryRun: boolean): Promise<void> {
  if (!STORES.includes(from) || !STORES.includes(to)) {
    throw new MigrationRefusedError(from, to, `a store is one of ${STORES.join(", ")}`);
  }
  if (from === to) throw new MigrationRefusedError(from, to, "they are the same");
  if (config.servers.mongodbUri === undefined) throw new MigrationRefusedError(from, to, "MONGODB_URI is not set");
  const server = isDryRun ? undefined : await findServer(config);
  if (server !== undefined) throw new MigrationRefusedError(from, to, `Reactune runs at ${server.url}`);
}

/** With Redis by what all machines say, of both stores: what is written meanwhile would be lost. Rejects with RestoreRefusedError. */
async function refuseWhileServed(config: Config, log: Log): Promise<void> {
  const settings = await readRedisSettings(config);
  if (settings === undefined) return;
  const [{ openRedis }, { redisLiveProcesses }] = await Promise.all([
    import("#store/redis/open-redis.ts"),
    import("#store/redis/live-processes.ts"),
  ]);
  const redis = await openRedis({ ...settings, log, now: Date.now });
  try {
    const live = redisLiveProcesses(redis);
    const { mongodbUri: _, ...withoutMongo } = config.servers;
    for (const servers of [config.servers, withoutMongo]) {
      await requireNobodyServes({ ...config, servers }, live, "migrate");
    }
  } finally {
    await redis.close();
  }
}

function openRecords(name: string, config: Config, log: Log): Promise<RecordStores> {
  const paths = dataPaths(config.data);
  const { mongodbUri } = config.servers;
  return name === "mongo" && mongodbUri !== undefined
    ? openMongoRecords(mongodbUri, paths, undefined, log)
    : openSqliteRecords(paths, undefined, log);
}
