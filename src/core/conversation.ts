import type { Platform, Visibility } from "./scope.ts";
import type { Arm } from "./service.ts";

/** A thread with the bot. A gap longer than `conversation.gapMs` or `/new` opens the next one. */
export interface Conversation {
  readonly id: string;
  readonly platform: Platform;
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  readonly visibility: Visibility;
  readonly audience: string;
  /** The domain of the newest turn; a turn without a clear domain inherits it. */
  readonly domain: string;
  /** What answers, per domain met so far: a conversation keeps its arm until it ends or a roll back moves it. */
  readonly arms: readonly ConversationArm[];
  readonly openedAtMs: number;
  readonly lastTurnAtMs: number;
  /** Set by `/new` or a gap: no further turn joins. */
  readonly closedAtMs?: number;
  readonly turns: number;
  /** First words of the first question, for lists. */
  readonly title: string;
}

export interface ConversationArm extends Arm {
  readonly domain: string;
}

export function isOpen(conversation: Conversation, nowMs: number, gapMs: number): boolean {
  return conversation.closedAtMs === undefined && nowMs - conversation.lastTurnAtMs <= gapMs;
}

/** At most 60 characters of a question, on one line. */
export function titleOf(question: string): string {
  const line = question.replace(/\s+/gu, " ").trim();
  const letters = Array.from(line);
  return letters.length <= 60 ? line : `${letters.slice(0, 59).join("")}…`;
}
