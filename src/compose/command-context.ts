import type { Output } from "#commands/output.ts";
import type { LoadedConfig } from "#config/load.ts";

/** What every command gets: the configuration as the global flags, the environment and the files have it. */
export interface CommandContext {
  readonly output: Output;
  /** `preset` is weaker than what the operator says and stronger than the defaults. */
  readonly load: (preset?: Readonly<Record<string, string>>) => LoadedConfig;
  /** The operator chose the port: another one is no substitute. */
  readonly isPortGiven: () => boolean;
}
