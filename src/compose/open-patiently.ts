import { setTimeout as sleep } from "node:timers/promises";
import { describeError, isOutage } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

export interface Patience {
  /** Told when an outage is met, and with undefined when it is over. */
  readonly onWait: (why: string | undefined) => void;
  readonly log: Log;
  readonly firstMs?: number;
}

const FIRST_MS = 250;
/** What is back is noticed within this time. */
const LONGEST_MS = 2000;

/**
 * Opens what a process cannot serve without, again and again while a server is away: whoever starts all machines at once cannot say
 * which is up first. Anything else, a wrong password among it, rejects at once. Ends with the process, which nothing holds up yet.
 */
export async function openPatiently<T>(what: string, open: () => Promise<T>, patience: Patience): Promise<T> {
  const { onWait, log, firstMs = FIRST_MS } = patience;
  for (let tries = 1, waitMs = firstMs; ; tries++, waitMs = Math.min(2 * waitMs, LONGEST_MS)) {
    try {
      const opened = await open();
      if (tries > 1) log.info({ what, tries }, "start.going-on");
      onWait(undefined);
      return opened;
    } catch (error) {
      if (!isOutage(error)) throw error;
      const reason = describeError(error);
      onWait(`waiting for ${what}: ${reason}`);
      // 1, 2, 4, 8...: a night without a server must not fill the disk.
      if (Number.isInteger(Math.log2(tries))) log.warn({ what, tries, reason }, "start.waiting");
      await sleep(waitMs);
    }
  }
}
