import type { ReplyPart } from "#bots/platform-connector.ts";
import type { SoughtPart } from "./find-replies.ts";

/** A message of ours whose text is not final yet. */
export interface Growing {
  readonly turnId: string;
  readonly part: number;
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId: string | undefined;
  readonly messageId: string;
  isStream: boolean;
  /** What Slack has for sure. Undefined: an append's outcome is unknown, so nothing is appended any more. */
  shown: string | undefined;
  editedAtMs: number;
}

export function threadOf({ channelId, threadId }: SoughtPart): string {
  return keyOf(channelId, threadId ?? "");
}

export function keyOf(channelId: string, messageId: string): string {
  return `${channelId} ${messageId}`;
}

/** The SDK cannot send half a character. At the end of a growing text its other half is still to come. */
export function wellFormed(part: ReplyPart): ReplyPart {
  const text = part.isFinal ? part.text : part.text.replace(/[\uD800-\uDBFF]$/, "");
  return { ...part, text: text.toWellFormed() };
}
