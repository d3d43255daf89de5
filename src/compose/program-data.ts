import type { Command } from "commander";
import { exportArchive, importArchive } from "#commands/archive.ts";
import { type BackupParts, restoreBackup, writeBackup } from "#commands/backup.ts";
import { clearCache, inspectCache, showCacheStats } from "#commands/cache.ts";
import { printJson } from "#commands/output.ts";
import type { Config } from "#config/schema.ts";
import { formatSettings, listSettingsForJson } from "#config/show.ts";
import { RestoreRefusedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import type { CommandContext } from "./command-context.ts";
import { dataPaths } from "./data-paths.ts";
import { openLog } from "./open-log.ts";
import { openStores } from "./open-stores.ts";
import { trainerParts } from "./open-trainer.ts";
import { findServer } from "./running-server.ts";
import { requireNobodyServes } from "./serving-mark.ts";
import type { Stores } from "./stores.ts";
import { readVersion } from "./version.ts";

const ENTRIES_SHOWN = 30;

export function addDataCommands(program: Command, context: CommandContext): void {
  const { output } = context;
  const cache = program.command("cache").description("stored replies that are served again");
  cache
    .command("stats")
    .option("--json", "for scripts")
    .action((options) =>
      withStores(context, (stores) => showCacheStats(stores.cache, { isJson: options.json === true }, output)),
    );
  cache
    .command("inspect")
    .option("--json", "for scripts")
    .option("--limit <entries>", "how many, newest first", String(ENTRIES_SHOWN))
    .action((options) =>
      withStores(context, (stores) =>
        inspectCache(
          stores.cache,
          { isJson: options.json === true, limit: Number(options.limit) || ENTRIES_SHOWN, nowMs: Date.now() },
          output,
        ),
      ),
    );
  cache
    .command("clear")
    .description("remove stored replies")
    .option("--expired", "only those past their time")
    .option("--dry-run", "say what would go")
    .action((options) =>
      withStores(context, (stores) =>
        clearCache(
          stores.cache,
          { isDryRun: options.dryRun === true, ...(options.expired === true ? { expiredBeforeMs: Date.now() } : {}) },
          output,
        ),
      ),
    );
  program
    .command("export")
    .argument("<file>", "a new file")
    .description("write everything as JSON lines")
    .action((file) => withStores(context, (stores) => exportArchive(stores.archive, file, output)));
  program
    .command("import")
    .argument("<file>", "written by export")
    .option("--replace", "remove what is there first")
    .description("read everything back; all or nothing")
    .action((file, options) =>
      withStores(context, async (stores, config) => {
        const isReplacing = options.replace === true;
        if (isReplacing && stores.live !== undefined)
          await requireNobodyServes(config, stores.live, "replace everything");
        await importArchive(stores.archive, file, { isReplacing }, output);
      }),
    );
  addBackupCommands(program, context);
  program
    .command("config")
    .description("settings and where they come from")
    .command("show")
    .option("--json", "for scripts")
    .action((options) => {
      const { settings } = context.load();
      if (options.json === true) printJson(output, listSettingsForJson(settings));
      else for (const line of formatSettings(settings)) output.print(line);
    });
}

function addBackupCommands(program: Command, context: CommandContext): void {
  const { output } = context;
  program
    .command("backup")
    .argument("<file>", "a new file; people's words are in it")
    .option("--json", "for scripts")
    .description("write everything, adapters too, into one file; chat goes on meanwhile")
    .action((file, options) =>
      withBackupParts(context, (parts) => writeBackup(parts, file, { isJson: options.json === true }, output)),
    );
  program
    .command("restore")
    .argument("<file>", "written by backup")
    .option("--replace", "remove what is there first")
    .option("--dry-run", "check the file and say what is in it")
    .option("--json", "for scripts")
    .description("bring everything back, but for what was erased since")
    .action((file, options) =>
      withBackupParts(context, async (parts, config) => {
        const isDryRun = options.dryRun === true;
        if (!isDryRun) await requireStopped(config, parts.live);
        const isReplacing = options.replace === true;
        await restoreBackup(parts, file, { isReplacing, isDryRun, isJson: options.json === true }, output);
      }),
    );
}

/** By the file of this data folder, and with Redis by what all machines say. */
async function requireStopped(config: Config, live: LiveProcesses | undefined): Promise<void> {
  const server = await findServer(config);
  if (server !== undefined) throw new RestoreRefusedError("restore", `at ${server.url}`);
  if (live !== undefined) await requireNobodyServes(config, live, "restore");
}

function withBackupParts(
  context: CommandContext,
  act: (parts: BackupParts & Pick<Stores, "live">, config: Config) => Promise<void>,
): Promise<void> {
  return withStores(context, (stores, config, log) =>
    act(
      {
        ...stores,
        ...trainerParts(config, stores, log).request,
        program: readVersion(),
        workFolder: dataPaths(config.data).directory,
      },
      config,
    ),
  );
}

async function withStores(
  context: CommandContext,
  act: (stores: Stores, config: Config, log: Log) => Promise<void>,
): Promise<void> {
  const { config } = context.load();
  const log = await openLog(
    { ...config.log, level: config.log.level === "info" ? "warn" : config.log.level },
    "stderr",
  );
  const stores = await openStores(config, log);
  try {
    await act(stores, config, log);
  } finally {
    await stores.close();
  }
}
