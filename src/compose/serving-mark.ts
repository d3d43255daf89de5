import type { Config } from "#config/schema.ts";
import { RestoreRefusedError } from "#core/errors.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import { countOthers, markLive } from "./live-mark.ts";

const SERVING = "serving";

/**
 * Says through Redis that this process works on these records, until the returned function is called: a command on any machine that
 * writes over them asks first.
 */
export function markServing(config: Config, live: LiveProcesses): () => Promise<void> {
  return markLive(config, live, SERVING);
}

/** Throws RestoreRefusedError while another process works on these records; `what` is not to be done then. */
export async function requireNobodyServes(config: Config, live: LiveProcesses, what: string): Promise<void> {
  const others = await countOthers(config, live, SERVING);
  if (others > 0)
    throw new RestoreRefusedError(what, others === 1 ? "in another process" : `in ${others} other processes`);
}
