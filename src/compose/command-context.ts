import type { Output } from "#commands/output.ts";
import type { LoadedConfig } from "#config/load.ts";

/** What every command gets: the configuration as the global flags, the environment and the files have it. */
export interface CommandContext {
  readonly output: Output;
  /** Where secrets are read from and set-up writes to; undefined: ./.env. */
  readonly envFile: () => string | undefined;
  /** `presets` are stronger than the defaults only; `forced` gives way to nothing but flags of this very command. */
  readonly load: (settings?: {
    readonly presets?: Readonly<Record<string, string>>;
    readonly forced?: Readonly<Record<string, string>>;
  }) => LoadedConfig;
}
