import type { Attachment } from "#core/inbox.ts";
import type { Platform } from "#core/scope.ts";
import type { SharedWindows } from "#store/shared-windows.ts";
import type { Intake, PostedPlace } from "./intake.ts";

/** Port: one chat platform. A connector translates; it decides nothing. */
export interface PlatformConnector {
  readonly platform: Platform;
  readonly limits: ConnectorLimits;
  /**
   * Markdown in the platform's dialect. Pure; the text of a growing reply is rendered again and again. Nothing in the result pings
   * anybody or shows a preview of a link.
   */
  render(markdown: string): string;
  /** Begins to hand events to `intake`. Rejects when the platform refuses the credentials. */
  start(intake: Intake): Promise<void>;
  /**
   * Posts a part of a reply. Rejects with PlatformRefusedError when the platform says no for good (no permission, channel or
   * question gone); anything else may be tried again.
   */
  post(part: ReplyPart): Promise<PostedPart>;
  /**
   * Whether a part whose first words were posted now could be given its final text at once. Where it says no, nothing is shown
   * before the end, which is posted whole. A connector without it always could.
   */
  hasRoomFor?(part: ReplyPart): Promise<boolean>;
  /** The part has its final text, or gets none: what `hasRoomFor` kept for its end is free. Never rejects. */
  leaveRoom?(part: Pick<ReplyPart, "turnId" | "part">): Promise<void>;
  /** Replaces the text of a posted part. Called again with `isFinal` at the end, always. Rejects as `post`. */
  edit(posted: PostedPart, part: ReplyPart): Promise<void>;
  /** Deletes a message of ours; one that is gone already is no error. */
  remove(place: PostedPlace): Promise<void>;
  /** Looks up whether a part whose outcome is unknown was posted. */
  reconcile(part: Omit<ReplyPart, "text" | "isFinal">): Promise<PostedPart | undefined>;
  /** Says that an answer is being worked on (typing, status) until `signal` aborts. Never rejects. */
  showBusy(place: BusyPlace, signal: AbortSignal): void;
  /** Puts the emoji people can press under a reply that is complete. */
  offerEmoji(place: PostedPlace, emoji: readonly string[]): Promise<void>;
  /** A message that answers nothing: a welcome, a notice, a word to the admins. `channelId` undefined: wherever the admins look. */
  tell(notice: Notice): Promise<void>;
  /** The contents of a file, at most `bytesMax`. */
  readAttachment(
    attachment: Attachment,
    workspaceId: string,
    bytesMax: number,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
  /** Fetches what happened while the process was away: messages since, reactions under `replies` as they are now. */
  catchUp(missed: Missed): Promise<void>;
  /** Counts what `limits.channelPace` allows over all processes that write in the same channels; each for itself without it. */
  readonly sharedWindows?: SharedWindows;
  /** Whether events arrive right now. A connector without it is taken to hear everything from its start to its stop. */
  isConnected?(): boolean;
  stop(): Promise<void>;
}

export interface ConnectorLimits {
  /** Of one message, rendered. */
  readonly messageCharsMax: number;
  /** Least time between two edits of one message. */
  readonly editIntervalMs: number;
  /** What all writers of one channel share: at most `writes` in any `perMs`. Undefined: no limit. */
  readonly channelPace?: { readonly writes: number; readonly perMs: number };
  /** A thread has a budget of its own rather than a share of its channel's. */
  readonly hasPacePerThread?: boolean;
}

export interface ReplyPart {
  readonly turnId: string;
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  /** The message that is answered. */
  readonly inReplyTo: string;
  /** Who asked; platforms that stream privately need it. */
  readonly askerId: string;
  /** From 0. */
  readonly part: number;
  /** Rendered for the platform. */
  readonly text: string;
  readonly isFinal: boolean;
  /** What people can press under it; a connector shows what its platform has. */
  readonly actions: readonly ReplyAction[];
}

/** `stop` while it grows; the others under a complete reply, on its last part. */
export type ReplyAction = "stop" | "rate" | "regenerate" | "report";

export interface PostedPart {
  readonly messageId: string;
}

export interface BusyPlace {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  readonly inReplyTo: string;
}

export interface Notice {
  readonly workspaceId: string;
  readonly channelId?: string;
  readonly threadId?: string;
  /** Shown to this person only, where the platform can. */
  readonly onlyTo?: string;
  /** Markdown; the connector renders it. */
  readonly text: string;
}

export interface Missed {
  /** When this platform was last connected; undefined: never, nothing was missed. */
  readonly sinceMs?: number;
  /** Recent replies of ours, newest first. */
  readonly replies: readonly PostedPlace[];
}
