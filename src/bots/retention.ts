import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import { platformOf } from "#core/scope.ts";
import type { JobQueue } from "#jobs/job-queue.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { SettingsWatch } from "./place-settings.ts";

export interface RetentionParts {
  readonly privacy: Pick<PrivacyStore, "eraseBefore" | "listWorkspaces">;
  readonly chat: Pick<ChatStore, "pruneEvents">;
  readonly jobs: Pick<JobQueue, "prune">;
  readonly cache: Pick<SemanticCache, "clear">;
  readonly places: Pick<SettingsWatch, "of">;
  readonly now: Now;
  readonly log: Log;
}

export interface Retention {
  /** Ends the sweeps; resolves when one under way has ended its batch. */
  stop(): Promise<void>;
}

const DAY_MS = 86_400_000;
/** Small, so that nobody who chats waits for a sweep. */
const BATCH = 200;
/** No platform delivers an event again after a week. */
const EVENTS_DAYS = 7;
/** What a job did stands in its run; nobody asks for the same job again after so long. */
const JOBS_DAYS = 90;

/** A server that was away for one sweep must not make people's words stay for another day. */
const RETRY_MS = 600_000;

/** Erases what is older than its workspace keeps, at once and then every `intervalMs`; after a failure, `retryMs` later. */
export function startRetention(
  parts: RetentionParts,
  { intervalMs = DAY_MS, retryMs = RETRY_MS }: { readonly intervalMs?: number; readonly retryMs?: number } = {},
): Retention {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let sweeping = sweep();

  async function sweep(): Promise<void> {
    let pauseMs = intervalMs;
    try {
      await sweepRetention(parts, abort.signal);
    } catch (error) {
      parts.log.error({ err: error }, "retention.failed");
      pauseMs = retryMs;
    }
    if (abort.signal.aborted) return;
    timer = setTimeout(() => {
      sweeping = sweep();
    }, pauseMs).unref();
  }

  return {
    async stop() {
      abort.abort();
      clearTimeout(timer);
      await sweeping;
    },
  };
}

/** One sweep over all workspaces. Text goes; adapters that learned from it stay, since nobody took their word back. */
export async function sweepRetention(parts: RetentionParts, signal: AbortSignal): Promise<void> {
  const nowMs = parts.now();
  for (const workspaceId of await parts.privacy.listWorkspaces()) {
    const days = parts.places.of({ platform: platformOf(workspaceId), workspaceId }).retentionDays;
    if (days === 0) continue;
    const turns = await repeat(signal, async () => {
      const { turnIds } = await parts.privacy.eraseBefore(workspaceId, nowMs - days * DAY_MS, BATCH);
      return turnIds.length;
    });
    if (turns > 0) parts.log.info({ workspaceId, days, turns }, "retention.erased");
  }
  await repeat(signal, () => parts.chat.pruneEvents(nowMs - EVENTS_DAYS * DAY_MS, BATCH));
  await repeat(signal, () => parts.jobs.prune(nowMs - JOBS_DAYS * DAY_MS, BATCH));
  // Nobody finds them any more; those of a scope that is asked nothing would stay for good.
  await parts.cache.clear(nowMs);
}

/** Batch after batch until nothing is left, with a breath in between. Returns how many there were. */
async function repeat(signal: AbortSignal, act: () => Promise<number>): Promise<number> {
  let sum = 0;
  while (!signal.aborted) {
    const count = await act();
    sum += count;
    if (count === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return sum;
}
