import type { Config } from "#config/schema.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import { processName } from "./identity.ts";

/** After a kill a process counts as running for up to three beats. */
const BEAT_MS = 10_000;
const LIVED_MS = 3 * BEAT_MS;
/** Of an address that names none. */
const USUAL_DATABASE = "reactune";

/** Says through Redis that this process does `what` with these records, while `isAble`, until the returned function is called. */
export function markLive(
  config: Config,
  live: LiveProcesses,
  what: string,
  isAble: () => boolean = () => true,
): () => Promise<void> {
  const work = workOf(config, what);
  // Away: its health tells, and the next beat is soon enough.
  const beat = () => void (isAble() && live.beat(work, processName, LIVED_MS).catch(() => {}));
  beat();
  const timer = setInterval(beat, BEAT_MS).unref();
  return async () => {
    clearInterval(timer);
    await live.leave(work, processName).catch(() => {});
  };
}

/** How many other processes, on whatever machine, do `what` with these records. Rejects while Redis is away. */
export async function countOthers(config: Config, live: LiveProcesses, what: string): Promise<number> {
  const work = workOf(config, what);
  const others = (await live.beat(work, processName, LIVED_MS)) - 1;
  await live.leave(work, processName);
  return others;
}

/** By the name of the database alone: machines may write its address differently, or leave the usual name out. */
function workOf({ servers: { mongodbUri } }: Config, what: string): string {
  if (mongodbUri === undefined) return `${what} `;
  const [, named = ""] = /^[^:]+:\/\/[^/?]+\/([^?]*)/u.exec(mongodbUri) ?? [];
  return `${what} ${named === "" ? USUAL_DATABASE : named}`;
}
