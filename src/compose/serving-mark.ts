import type { Config } from "#config/schema.ts";
import { RestoreRefusedError } from "#core/errors.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import { processName } from "./identity.ts";

/** After a kill a process counts as running for up to three beats. */
const BEAT_MS = 10_000;
const LIVED_MS = 3 * BEAT_MS;
/** Of an address that names none. */
const USUAL_DATABASE = "reactune";

/**
 * Says through Redis that this process works on these records, until the returned function is called: a command on any machine that
 * writes over them asks first.
 */
export function markServing(config: Config, live: LiveProcesses): () => Promise<void> {
  const work = workOf(config);
  // Away: its health tells, and the next beat is soon enough.
  const beat = () => void live.beat(work, processName, LIVED_MS).catch(() => {});
  beat();
  const timer = setInterval(beat, BEAT_MS).unref();
  return async () => {
    clearInterval(timer);
    await live.leave(work, processName).catch(() => {});
  };
}

/** Throws RestoreRefusedError while another process works on these records; `what` is not to be done then. */
export async function requireNobodyServes(config: Config, live: LiveProcesses, what: string): Promise<void> {
  const work = workOf(config);
  const others = (await live.beat(work, processName, LIVED_MS)) - 1;
  await live.leave(work, processName);
  if (others > 0)
    throw new RestoreRefusedError(what, others === 1 ? "in another process" : `in ${others} other processes`);
}

/** By the name of the database alone: machines may write its address differently, or leave the usual name out. */
function workOf({ servers: { mongodbUri } }: Config): string {
  if (mongodbUri === undefined) return "serving ";
  const [, named = ""] = /^[^:]+:\/\/[^/?]+\/([^?]*)/u.exec(mongodbUri) ?? [];
  return `serving ${named === "" ? USUAL_DATABASE : named}`;
}
