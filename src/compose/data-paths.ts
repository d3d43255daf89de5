import { join, resolve } from "node:path";
import type { Config } from "#config/schema.ts";

/** Where everything that must not be lost lies. */
export interface DataPaths {
  readonly directory: string;
  readonly database: string;
  /** Outlives the database: a restore erases again whom it names. */
  readonly deletions: string;
  readonly adapters: string;
  /** This machine's copies of data sets that travel; empty when no run goes on. */
  readonly datasets: string;
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
    datasets: join(directory, "datasets"),
    runs: join(directory, "runs"),
    general: join(directory, "general"),
  };
}
