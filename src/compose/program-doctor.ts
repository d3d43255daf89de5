import type { Command } from "commander";
import { doctor, formatDoctorReport } from "#commands/doctor.ts";
import { formatBytes } from "#commands/doctor-finding.ts";
import type { ServerInspection } from "#commands/doctor-servers.ts";
import { printJson } from "#commands/output.ts";
import { programDirectory } from "#config/load.ts";
import { ConfigInvalidError } from "#core/errors.ts";
import type { CommandContext } from "./command-context.ts";

export function addDoctorCommand(program: Command, { load, output }: CommandContext): void {
  program
    .command("doctor")
    .description("check everything that a run needs, and say how to mend what is missing")
    .option("--json", "for scripts")
    .action(async (options) => {
      const report = await doctor({
        programDirectory,
        config: loadOrError(load),
        openDatabase,
        inspectors: { redisUrl: inspectRedis },
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
export async function inspectRedis(url: string): Promise<ServerInspection> {
  const [{ openRedis }, { readQueueServer }] = await Promise.all([
    import("#store/redis/open-redis.ts"),
    import("#jobs/bullmq/queue-server.ts"),
  ]);
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const redis = await openRedis({ url, log: silent, now: Date.now });
  try {
    const { version, hosts, memoryUsedBytes, memoryMaxBytes, problems } = await redis.use(async (client) => ({
      ...(await readQueueServer(client)),
      hosts: redis.describeHealth().hosts,
    }));
    const limit = memoryMaxBytes === 0 ? "no limit" : formatBytes(memoryMaxBytes);
    return { found: `Redis ${version} at ${hosts}, ${formatBytes(memoryUsedBytes)} used, ${limit}`, problems };
  } finally {
    await redis.close();
  }
}
