import type { NewId } from "#core/clock.ts";
import { type Conversation, isOpen, titleOf } from "#core/conversation.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { audienceOf } from "#core/scope.ts";
import type { ChatStore } from "#store/chat-store.ts";

export interface GapSettings {
  /** Silence after which the next message opens another conversation. */
  readonly gapMs: number;
}

/** The open conversation of the message's place; a new one after a gap, after `/new`, when the place was opened or closed to others, or where there was none. Saved with the turn. */
export async function placeConversation(
  chat: ChatStore,
  message: IncomingMessage,
  { gapMs }: GapSettings,
  newId: NewId,
): Promise<Conversation> {
  const audience = audienceOf(message.visibility, message.channelId);
  const found = await chat.findOpenConversation(message);
  const isGoneOn = found?.audience === audience && isOpen(found, message.sentAtMs, gapMs);
  if (found !== undefined && isGoneOn) return found;
  if (found !== undefined) await chat.saveConversation({ ...found, closedAtMs: message.sentAtMs });
  return {
    id: newId(),
    platform: message.platform,
    workspaceId: message.workspaceId,
    channelId: message.channelId,
    ...(message.threadId === undefined ? {} : { threadId: message.threadId }),
    visibility: message.visibility,
    audience,
    domain: "",
    arms: [],
    openedAtMs: message.sentAtMs,
    lastTurnAtMs: message.sentAtMs,
    turns: 0,
    title: titleOf(message.text),
  };
}

/** Closes what is open in a place; the next message opens a new conversation. False when nothing was open. */
export async function startNewConversation(
  chat: ChatStore,
  place: { readonly workspaceId: string; readonly channelId: string; readonly threadId?: string },
  nowMs: number,
): Promise<boolean> {
  const found = await chat.findOpenConversation(place);
  if (found === undefined) return false;
  await chat.saveConversation({ ...found, closedAtMs: nowMs });
  return true;
}
