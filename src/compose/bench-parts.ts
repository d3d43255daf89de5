import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "#config/schema.ts";
import type { Log } from "#core/log.ts";
import type { CommandContext } from "./command-context.ts";
import { openLog } from "./open-log.ts";

/** What every benchmark gets: settings with a data folder of its own, which goes when it ends. */
export interface BenchWorld {
  readonly directory: string;
  readonly config: Config;
  readonly log: Log;
}

export async function inBenchWorld<T>(
  load: CommandContext["load"],
  preset: Readonly<Record<string, string>>,
  run: (world: BenchWorld) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "reactune-bench-"));
  try {
    const quiet = { "log.level": "error", "web.enabled": "false" };
    const { config } = load({ forced: { ...quiet, ...preset, "data.directory": directory } });
    return await run({ directory, config, log: await openLog(config.log, "stderr") });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
