import type { Platform, Visibility } from "./scope.ts";

/** A message as every connector hands it in. */
export interface IncomingMessage {
  readonly platform: Platform;
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  readonly visibility: Visibility;
  readonly userId: string;
  readonly messageId: string;
  readonly text: string;
  readonly sentAtMs: number;
  /** The turn to answer again; its question is asked once more, past the cache. */
  readonly regenerationOf?: string;
  /** The platform's time of the edit, for an edited question: the answer of the revision before is superseded. 0 when not given. */
  readonly revision?: number;
  readonly attachments?: readonly Attachment[];
}

/** A file beside a message. Its contents are fetched when the message is answered, not before. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  /** As the platform tells it: "text/plain; charset=utf-8", "image/png". */
  readonly mediaType: string;
  readonly bytes: number;
  readonly url: string;
}

/** Durable before its platform is told that it arrived. Unique by the platform's event id; deliveries are at-least-once. */
export interface InboxEvent {
  readonly id: string;
  readonly message: IncomingMessage;
  readonly state: "received" | "claimed" | "done";
  readonly attempts: number;
  readonly receivedAtMs: number;
  readonly claimedBy?: string;
  readonly leaseUntilMs?: number;
}

/** What is posted for a turn; written before posting, so that an unknown outcome can be looked up, never sent blindly again. */
export interface Delivery {
  readonly turnId: string;
  readonly part: number;
  readonly state: "planned" | "posted" | "unknown";
  readonly messageId?: string;
  readonly changedAtMs: number;
}
