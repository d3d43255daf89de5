import type { Deletion, ErasedPlace } from "#core/people.ts";
import type { PrivacyStore } from "./privacy-store.ts";

/** Port: whose words went, kept apart from the store: what a restore replays where the store itself was lost. */
export interface DeletionLog {
  /** Resolves when it is durable. */
  append(entry: DeletionLogEntry): Promise<void>;
  /** Of each person and place the newest. */
  read(): Promise<readonly DeletionLogEntry[]>;
}

export type DeletionLogEntry =
  | { readonly kind: "deletion"; readonly record: Deletion }
  | { readonly kind: "erased-place"; readonly record: ErasedPlace };

/** Equal for entries of one person or place. */
export function deletionKey({ kind, record }: DeletionLogEntry): string {
  return JSON.stringify([kind, record.workspaceId, "userId" in record ? record.userId : record.channelId]);
}

/** The same store; what is erased for good is written into the log first. */
export function logDeletions(privacy: PrivacyStore, log: DeletionLog): PrivacyStore {
  return {
    ...privacy,
    async erasePerson(workspaceId, userId, atMs) {
      await log.append({ kind: "deletion", record: { workspaceId, userId, atMs } });
      return privacy.erasePerson(workspaceId, userId, atMs);
    },
    async erasePlace(place, atMs) {
      await log.append({ kind: "erased-place", record: { ...place, atMs } });
      return privacy.erasePlace(place, atMs);
    },
  };
}
