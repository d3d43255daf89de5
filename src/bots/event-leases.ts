import type { Now } from "#core/clock.ts";
import type { ChatStore } from "#store/chat-store.ts";

/** The leases of claimed events: whoever holds one answers, and another process does when it runs out. */
export interface EventLeases {
  /** Each goes on for LEASE_MS. Resolves to those that another process has taken over, or that are over. */
  renew(eventIds: readonly string[]): Promise<readonly string[]>;
  /** Free for whoever looks next. */
  giveBack(eventIds: readonly string[]): Promise<void>;
  /** Their answer failed: they are free again in a moment. */
  retrySoon(eventIds: readonly string[]): void;
  /**
   * Frees what failed and has waited its moment, or all of it. Rejects while the store is away, and frees it the next time, so that what
   * failed for that is answered as soon as the store is back.
   */
  freeFailed(which: "due" | "all"): Promise<void>;
}

export interface EventLeasesParts {
  readonly chat: Pick<ChatStore, "renewEvent">;
  /** Names this process among those that share the store. */
  readonly claimedBy: string;
  /** Whether this process still answers it, or will. */
  readonly isHeld: (eventId: string) => boolean;
  readonly now: Now;
}

export const LEASE_MS = 15_000;
const RETRY_MS = 1000;

export function createEventLeases({ chat, claimedBy, isHeld, now }: EventLeasesParts): EventLeases {
  /** Events whose answer failed, and when their lease is to end. */
  const failedUntilMs = new Map<string, number>();

  return {
    async renew(eventIds) {
      const lost: string[] = [];
      for (const id of eventIds) {
        if (!isHeld(id)) continue;
        if (!(await chat.renewEvent(id, claimedBy, now() + LEASE_MS))) lost.push(id);
        // Its answer ended meanwhile: if it failed, it must not wait for this lease.
        else if (!isHeld(id)) failedUntilMs.set(id, now());
      }
      return lost;
    },
    async giveBack(eventIds) {
      for (const id of eventIds) await chat.renewEvent(id, claimedBy, now());
    },
    retrySoon(eventIds) {
      for (const id of eventIds) failedUntilMs.set(id, now() + RETRY_MS);
    },
    async freeFailed(which) {
      for (const [id, atMs] of failedUntilMs) {
        if (which === "due" && atMs > now()) continue;
        await chat.renewEvent(id, claimedBy, now());
        failedUntilMs.delete(id);
      }
    },
  };
}
