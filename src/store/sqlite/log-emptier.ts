import type { Log } from "#core/log.ts";
import type { Sql } from "./sql.ts";

/**
 * Empties the log of late writes after an erasure: overwritten words stand there until then. While somebody reads an older state (an
 * export, a backup) it cannot be, and is tried again until it is.
 */
export interface LogEmptier {
  /** Tries at once; `afterwards` runs when the log is empty, now or later. Not when the program ends before. */
  empty(afterwards?: () => void): Promise<void>;
  /** Within a second, for many small erasures together. */
  request(): void;
  /** Undefined when no erased word is left in the log. */
  describeProblem(): string | undefined;
  close(): void;
}

export interface LogEmptierOptions {
  /** How long after a try that failed the next one is. */
  readonly againMs: number;
  readonly log?: Log;
}

const TOGETHER_MS = 1000;

export function createLogEmptier(sql: Pick<Sql, "emptyLog">, { againMs, log }: LogEmptierOptions): LogEmptier {
  let waiting: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isKept = false;
  let isClosed = false;

  async function attempt(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const isEmpty = await sql.emptyLog();
    if (isClosed) return;
    if (!isEmpty) return keep();
    if (isKept) log?.info({}, "store.log-emptied");
    isKept = false;
    const acts = waiting;
    waiting = [];
    for (const act of acts) act();
  }

  function keep(): void {
    if (!isKept) log?.warn({ againMs }, "store.log-kept");
    isKept = true;
    tryIn(againMs);
  }

  function tryIn(delayMs: number): void {
    timer ??= setTimeout(() => {
      attempt().catch((error: unknown) => {
        log?.error({ err: error }, "store.log-not-emptied");
        if (!isClosed) tryIn(againMs);
      });
    }, delayMs).unref();
  }

  return {
    async empty(afterwards) {
      if (afterwards !== undefined) waiting.push(afterwards);
      await attempt();
    },
    request: () => tryIn(TOGETHER_MS),
    describeProblem: () =>
      isKept
        ? "Erased words are still in the database's log: a process has been reading an older state since (an export, a backup)"
        : undefined,
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
