import { setTimeout as sleep } from "node:timers/promises";
import { StoreBusyError } from "#core/errors.ts";

const TRIES_MAX = 300;
const PAUSE_MAX_MS = 40;

/**
 * Tries until `attempt` gives something: it is undefined when another process changed the same record meanwhile. Rejects with
 * StoreBusyError when that goes on.
 */
export async function retryWhileRaced<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  const startedAt = performance.now();
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
    // Not in step: or those who met once would meet again.
    await sleep(Math.random() * Math.min(PAUSE_MAX_MS, 2 ** Math.min(tries, 10)));
  }
  throw new StoreBusyError(Math.round(performance.now() - startedAt));
}

/** Runs what has the same key one after the other, within this process: they would only race one another. */
export function serialised(): <T>(key: string, run: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (key, run) => {
    const before = last.get(key) ?? Promise.resolve();
    const result = before.then(run, run);
    const ended = result
      .catch(() => undefined)
      .finally(() => {
        if (last.get(key) === ended) last.delete(key);
      });
    last.set(key, ended);
    return result;
  };
}
