import { setTimeout as sleep } from "node:timers/promises";
import { StoreBusyError } from "#core/errors.ts";
import type { Sql } from "./sql.ts";

/** How long one write holds the file. */
const WRITE_MS = 20;
/** For whoever waits: SQLite looks every 1 to 100 ms whether the file is free. */
const PAUSE_MS = 15;
/** Who else writes holds the file for `busyMs` each time; then this one gives up. */
const TRIES_MAX = 30;

export interface ShortWriteSteps {
  /** Inside a write. False: there is nothing left. */
  next(): boolean;
  /** Inside each write, behind its steps. */
  atEnd?(): void;
}

/** Does much in many writes, each of which lets other processes, and this one's event loop, go on soon. */
export async function shortWrites(sql: Sql, { next, atEnd }: ShortWriteSteps): Promise<void> {
  for (let tries = 0, isMore = true; isMore; ) {
    try {
      sql.write(() => {
        tries = 0;
        const startedAtMs = performance.now();
        while (isMore && performance.now() - startedAtMs < WRITE_MS) isMore = next();
        atEnd?.();
      });
    } catch (error) {
      if (!(error instanceof StoreBusyError) || ++tries >= TRIES_MAX) throw error;
    }
    await sleep(PAUSE_MS);
  }
}
