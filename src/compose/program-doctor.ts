import type { Command } from "commander";
import { z } from "zod";
import { doctor, formatDoctorReport } from "#commands/doctor.ts";
import { formatBytes } from "#commands/doctor-finding.ts";
import type { ServerInspection } from "#commands/doctor-servers.ts";
import { printJson } from "#commands/output.ts";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { ConfigInvalidError } from "#core/errors.ts";
import type { CommandContext } from "./command-context.ts";
import { inspectEngine } from "./inspect-engine.ts";
import { inspectShards } from "./inspect-shards.ts";
import { readRedisSettings } from "./open-redis-stores.ts";

export function addDoctorCommand(program: Command, { load, output }: CommandContext): void {
  program
    .command("doctor")
    .description("check everything that a run needs, and say how to mend what is missing")
    .option("--json", "for scripts")
    .action(async (options) => {
      const config = loadOrError(load);
      const report = await doctor({
        programDirectory,
        config,
        openDatabase,
        inspectors: {
          ollamaUrl: inspectOllama,
          mongodbUri: inspectMongo,
          redisUrl: (url) => inspectRedis(url, "config" in config ? config.config.redis : undefined),
        },
        ...("config" in config
          ? { inspectEngine: async () => [...(await inspectEngine(config.config)), ...inspectShards(config.config)] }
          : {}),
      });
      if (options.json === true) printJson(output, report);
      else for (const line of formatDoctorReport(report)) output.print(line);
      if (!report.isHealthy) process.exitCode = 1;
    });
}

function loadOrError(load: CommandContext["load"]) {
  try {
    return load();
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error;
    throw error;
  }
}

async function openDatabase(path: string): Promise<void> {
  const { openSqliteStore } = await import("#store/sqlite/open-sqlite-store.ts");
  openSqliteStore({ path, now: Date.now }).close();
}

/** Rejects with RedisUnavailableError, without the password, when it does not let us in. */
export async function inspectRedis(url: string, settings?: Config["redis"]): Promise<ServerInspection> {
  const [{ openRedis }, { readQueueServer, tryRights }, { jobNames }] = await Promise.all([
    import("#store/redis/open-redis.ts"),
    import("#jobs/bullmq/queue-server.ts"),
    import("#jobs/bullmq/job-records.ts"),
  ]);
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const read = settings === undefined ? {} : await readRedisSettings({ servers: { redisUrl: url }, redis: settings });
  const redis = await openRedis({ ...read, url, log: silent, now: Date.now });
  try {
    const { version, hosts, memoryUsedBytes, memoryMaxBytes, problems } = await redis.use(async (client) => {
      const found = await readQueueServer(client);
      for (const prefix of [redis.prefix, jobNames(redis.prefix).prefix]) await tryRights(client, prefix);
      return { ...found, hosts: redis.describeHealth().hosts };
    });
    const limit = memoryMaxBytes === 0 ? "no limit" : formatBytes(memoryMaxBytes);
    return { found: `Redis ${version} at ${hosts}, ${formatBytes(memoryUsedBytes)} used, ${limit}`, problems };
  } finally {
    await redis.close();
  }
}

const VersionAnswer = z.object({ version: z.string() });
const ASK_MAX_MS = 5000;

/** Rejects when what answers is no Ollama. */
export async function inspectOllama(url: string): Promise<ServerInspection> {
  const response = await fetch(new URL("/api/version", url), { signal: AbortSignal.timeout(ASK_MAX_MS) });
  const { version } = VersionAnswer.parse(await response.json());
  return { found: `Ollama ${version} at ${new URL(url).host}`, problems: [] };
}

/** Rejects with StoreUnreachableError, without the password, when it does not let us in. */
export async function inspectMongo(uri: string): Promise<ServerInspection> {
  const { connect, hostsOf } = await import("#store/mongo/connect.ts");
  const connection = await connect(uri);
  try {
    const about = MongoAnswer.parse(await connection.db?.command({ hello: 1 }));
    const found = `MongoDB at ${hostsOf(uri)}, database ${connection.name}`;
    if (about.setName !== undefined || about.msg === "isdbgrid") return { found, problems: [] };
    const fix =
      "Start it with --replSet (a set of one is enough), so that a write that was acknowledged survives a fail-over";
    return { found, problems: [{ found: "it stands alone", fix }] };
  } finally {
    await connection.close();
  }
}

const MongoAnswer = z.looseObject({ setName: z.string().optional(), msg: z.string().optional() });
