import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { isOutcomeUnknown, retryAfterSecondsOf, slackErrorOf } from "./slack-refusals.ts";

const WAIT_FIRST_MS = 1000;
const WAIT_MAX_MS = 60_000;

/** Waits while Slack cannot be reached, and says so. Rejects with what Slack refuses, and with the signal's reason. */
export async function untilReached<Result>(
  act: () => Promise<Result>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<Result> {
  for (let waitMs = WAIT_FIRST_MS; ; waitMs = Math.min(waitMs * 2, WAIT_MAX_MS)) {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (!isAway(error)) throw error;
      const retryAfterMs = Math.max(waitMs, (retryAfterSecondsOf(error) ?? 0) * 1000);
      log.warn({ retryAfterMs, reason: reasonOf(error) }, "slack.away");
      // Rejects only when the program stops, which the next turn tells.
      await sleep(retryAfterMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** The SDK gives no error when Slack ends a socket before it began. */
function isAway(error: unknown): boolean {
  if (error === undefined || retryAfterSecondsOf(error) !== undefined) return true;
  return isOutcomeUnknown(error) || slackErrorOf(error) === "service_unavailable";
}

export function reasonOf(error: unknown): string {
  return error === undefined ? "Slack closed the socket before it began" : describeError(error);
}
