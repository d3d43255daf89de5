import { setTimeout as sleep } from "node:timers/promises";
import type { Now } from "#core/clock.ts";
import { describeError, isStoreOutage } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { PostedPlace } from "./intake.ts";
import type { Missed, PlatformConnector } from "./platform-connector.ts";

export interface CatchUpParts {
  readonly connector: PlatformConnector;
  readonly chat: Pick<ChatStore, "listRecentReplies">;
  readonly platforms: Pick<PlatformStore, "getCursor" | "putCursor">;
  readonly now: Now;
  readonly log: Log;
}

export interface CatchUp {
  /** Resolves when what was missed before the start is accepted, or could not be read. */
  readonly caughtUp: Promise<void>;
  /** The last word about how far was heard; call it before the connector stops. */
  stop(): Promise<void>;
}

const CURSOR_MS = 10_000;
const AGAIN_MS = 2000;
/** Clocks differ, and the last events before an end may not have been stored. */
const OVERLAP_MS = 60_000;
/** Replies of this age still get reactions; older ones are read again only when somebody reacts to them anew. */
const REPLIES_AGE_MAX_MS = 3 * 86_400_000;
const REPLIES_MAX = 200;

/** Fetches what a started connector missed while nothing listened, and notes every 10 s that something does. */
export function startCatchUp(parts: CatchUpParts): CatchUp {
  const { connector, platforms, now, log } = parts;
  const key = `alive:${connector.platform}`;
  let isStopped = false;

  const caughtUp = fetchMissed()
    // Until then the cursor stays: what a kill cuts short is fetched again.
    .then(noteAlive)
    .catch((error: unknown) => log.error({ platform: connector.platform, err: error }, "catch-up.failed"));
  const timer = setInterval(() => {
    caughtUp
      .then(noteAlive)
      .catch((error: unknown) => log.error({ platform: connector.platform, err: error }, "cursor.not-kept"));
  }, CURSOR_MS).unref();

  /** A store that goes away meanwhile is waited for, or what was missed would stay so. */
  async function fetchMissed(): Promise<void> {
    while (!isStopped) {
      try {
        return await connector.catchUp(await readMissed(parts, key));
      } catch (error) {
        if (!isStoreOutage(error)) throw error;
        log.warn({ platform: connector.platform, reason: describeError(error) }, "catch-up.waits");
        await sleep(AGAIN_MS, undefined, { ref: false });
      }
    }
  }
  async function noteAlive(): Promise<void> {
    if (!isStopped && connector.isConnected?.() !== false) await platforms.putCursor(key, now());
  }

  return {
    caughtUp,
    async stop() {
      clearInterval(timer);
      await noteAlive().catch((error: unknown) => log.error({ err: error }, "cursor.not-kept"));
      isStopped = true;
    },
  };
}

async function readMissed({ connector, chat, platforms, now }: CatchUpParts, key: string): Promise<Missed> {
  const aliveAtMs = await platforms.getCursor(key);
  if (aliveAtMs === undefined) return { replies: [] };
  const turns = await chat.listRecentReplies(connector.platform, now() - REPLIES_AGE_MAX_MS, REPLIES_MAX);
  const replies = turns.flatMap((turn) => {
    const { workspaceId, channelId, threadId } = turn;
    const place = { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }) };
    return turn.messages.flatMap(({ role, messageId }): readonly PostedPlace[] =>
      role === "reply" ? [{ ...place, messageId }] : [],
    );
  });
  return { sinceMs: aliveAtMs - OVERLAP_MS, replies: replies.slice(0, REPLIES_MAX) };
}
