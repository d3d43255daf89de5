import type { Deletion, ErasedPlace } from "#core/people.ts";
import type { ReplayEvent } from "#dashboard/replay-records.ts";

/** Whose words must leave a recording. */
export type Erasure =
  | { readonly kind: "person"; readonly of: Deletion }
  | { readonly kind: "place"; readonly of: ErasedPlace }
  /** Retention: what was said in a workspace before this moment. */
  | { readonly kind: "before"; readonly of: { readonly workspaceId: string; readonly beforeMs: number } }
  /** Deleted on its platform: the event stays, its words go. */
  | { readonly kind: "message"; readonly of: MessagePlace };

export interface MessagePlace {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly messageId: string;
}

const DELETED_TEXT = "[deleted]";

/** What is left of a recorded event. `all` is the whole recording: an edit does not say whose message it changes. */
export function withoutErased(
  erasures: readonly Erasure[],
  event: ReplayEvent,
  all: readonly ReplayEvent[],
): ReplayEvent | undefined {
  const author = event.kind === "edit" ? authorOf(event, all) : undefined;
  if (erasures.some((erasure) => isErasedBy(erasure, event, author))) return undefined;
  const isDeleted = erasures.some(({ kind, of }) => kind === "message" && isSameMessage(of, event));
  if (!isDeleted || !("text" in event)) return event;
  return { ...event, text: DELETED_TEXT };
}

function isErasedBy({ kind, of }: Erasure, event: ReplayEvent, author: string | undefined): boolean {
  if (kind === "message" || event.workspaceId !== of.workspaceId) return false;
  const atMs = Date.parse(event.at);
  if (kind === "before") return atMs < of.beforeMs;
  if (atMs > of.atMs) return false;
  if (kind === "place") return of.channelId === undefined || of.channelId === event.channelId;
  if ("userId" in event) return event.userId === of.userId;
  // Whose message it was is not known any more: it may be theirs.
  return event.kind === "edit" && (author === undefined || author === of.userId);
}

function authorOf(edit: MessagePlace, all: readonly ReplayEvent[]): string | undefined {
  for (const event of all) if (event.kind === "message" && isSameMessage(edit, event)) return event.userId;
  return undefined;
}

function isSameMessage(one: MessagePlace, event: ReplayEvent): boolean {
  if (event.kind !== "message" && event.kind !== "edit") return false;
  const { workspaceId, channelId, messageId } = event;
  return workspaceId === one.workspaceId && channelId === one.channelId && messageId === one.messageId;
}
