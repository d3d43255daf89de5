import type { FeedbackChange } from "#core/feedback.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { Platform } from "#core/scope.ts";

/** Port: one chat platform. A connector translates; it decides nothing. */
export interface PlatformConnector {
  readonly platform: Platform;
  readonly limits: ConnectorLimits;
  /** Begins to hand events to `intake`. Rejects when the platform refuses the credentials. */
  start(intake: Intake): Promise<void>;
  /** Posts a part of a reply. */
  post(part: ReplyPart): Promise<PostedPart>;
  /** Replaces the text of a posted part. Called again with `isFinal` at the end, always. */
  edit(posted: PostedPart, part: ReplyPart): Promise<void>;
  /** Looks up whether a part whose outcome is unknown was posted. */
  reconcile(part: Omit<ReplyPart, "text" | "isFinal">): Promise<PostedPart | undefined>;
  /** Fetches what happened while the process was away. */
  catchUp(sinceMs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface ConnectorLimits {
  readonly messageCharsMax: number;
  /** Least time between two edits of one message. */
  readonly editIntervalMs: number;
}

/** Where events go. Each promise resolves when the event is durable; only then may the platform be told that it arrived. */
export interface Intake {
  acceptMessage(eventId: string, message: IncomingMessage): Promise<void>;
  acceptFeedback(change: PlatformFeedback): Promise<void>;
}

/** Feedback as a platform knows it: by message, not by turn. An emoji that is no feedback is ignored later, by the use case. */
export type PlatformFeedback = Omit<FeedbackChange, "turnId" | "score" | "atMs"> & {
  readonly channelId: string;
  readonly messageId: string;
  readonly atMs: number;
  readonly emoji?: string;
  /** The emoji was taken away. */
  readonly isRemoval?: boolean;
  /** A score given without an emoji (button, command); `null` takes it back. */
  readonly score?: number | null;
};

export interface ReplyPart {
  readonly turnId: string;
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  /** The message that is answered. */
  readonly inReplyTo: string;
  /** From 0. */
  readonly part: number;
  readonly text: string;
  readonly isFinal: boolean;
}

export interface PostedPart {
  readonly messageId: string;
}
