import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { RESTOptions } from "discord.js";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

/**
 * An edit that we no longer wait for can be carried out after the final one, and its text would stay. A message with such an edit
 * is written once more when its final text stands. (A post cannot come twice: Discord knows its nonce.)
 */
export interface LateEdits {
  /** Sends as `send` does, and notes which edits were given up. */
  watch(send: RESTOptions["makeRequest"]): RESTOptions["makeRequest"];
  /** An edit was carried out. `rewrite` does it again; undefined: the text still grows. Never rejects. */
  noteEdited(messageId: string, rewrite: (() => Promise<void>) | undefined): void;
  forget(messageId: string): void;
}

export interface LateEditsParts {
  /** How long a request is waited for. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly log: Log;
}

interface Stale {
  rewrite: (() => Promise<void>) | undefined;
  isScheduled: boolean;
}

const MESSAGES_MAX = 2000;
/** After the final text, in times that a request is waited for. */
const REWRITES_AFTER = [1, 4];

export function lateEdits({ timeoutMs, signal, log }: LateEditsParts): LateEdits {
  const stale = new Map<string, Stale>();
  // Every message that is looked after waits with it; Node.js would warn of a leak from the eleventh on.
  setMaxListeners(MESSAGES_MAX, signal);

  function noteGivenUp(messageId: string): void {
    if (stale.has(messageId)) return;
    stale.set(messageId, { rewrite: undefined, isScheduled: false });
    for (const oldest of stale.keys()) {
      if (stale.size <= MESSAGES_MAX) break;
      stale.delete(oldest);
    }
  }

  async function rewriteLater(messageId: string): Promise<void> {
    for (const times of REWRITES_AFTER) {
      await sleep(times * timeoutMs, undefined, { signal, ref: false });
      await stale
        .get(messageId)
        ?.rewrite?.()
        .catch((error: unknown) => log.warn({ reason: describeError(error) }, "discord.text-not-restored"));
    }
    stale.delete(messageId);
  }

  return {
    watch: (send) => async (url, init) => {
      try {
        return await send(url, init);
      } catch (error) {
        const messageId = init.method === "PATCH" ? /\/messages\/(\d+)$/.exec(url)?.[1] : undefined;
        if (messageId !== undefined && error instanceof Error && error.name === "AbortError") noteGivenUp(messageId);
        throw error;
      }
    },
    noteEdited(messageId, rewrite) {
      const state = stale.get(messageId);
      if (state === undefined) return;
      state.rewrite = rewrite;
      if (rewrite === undefined || state.isScheduled) return;
      state.isScheduled = true;
      // Rejects only when the program ends.
      rewriteLater(messageId).catch(() => {});
    },
    forget: (messageId) => void stale.delete(messageId),
  };
}
