import type { Config } from "#config/schema.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import { countOthers, markLive } from "./live-mark.ts";
import { type MissingForTraining, missingForTraining, missingInSettings } from "./training-settings.ts";

const TRAINING = "training";

/** Says through Redis that this process makes training runs, until the returned function is called; nothing while it could not. */
export function markTraining(config: Config, live: LiveProcesses): () => Promise<void> {
  return markLive(config, live, TRAINING, () => missingForTraining(config) === undefined);
}

/**
 * Why a training run that is asked for here would not be made, in words. Where several machines share the runs (`live`), it is enough that
 * another one can train: this one may have no Python.
 */
export async function missingForRequest(
  config: Config,
  live: LiveProcesses | undefined,
  missing: MissingForTraining | undefined = missingForTraining(config),
): Promise<MissingForTraining | undefined> {
  if (missing === undefined || live === undefined || missingInSettings(config) !== undefined) return missing;
  const others = await countOthers(config, live, TRAINING).catch(() => 0);
  return others > 0 ? undefined : missing;
}
