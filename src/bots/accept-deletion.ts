import type { Log } from "#core/log.ts";
import type { Turn } from "#core/turn.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import type { Answering } from "./answering.ts";
import type { PostedPlace } from "./intake.ts";
import type { PlatformConnector } from "./platform-connector.ts";

export interface DeletionParts {
  readonly chat: ChatStore;
  readonly privacy: Pick<PrivacyStore, "eraseTurn">;
  readonly answering: Pick<Answering, "underWay" | "dropQuestion">;
  readonly events: EventBus;
  readonly log: Log;
}

/** What is left to do when the deletion is durable; it may take as long as it needs. */
export interface DeletionRest {
  readonly turnIds: readonly string[];
  /** Takes our replies away and erases what a running answer wrote meanwhile. */
  readonly finish: (connector: PlatformConnector) => Promise<void>;
}

/** A question that is gone takes its answers with it. Our own reply that somebody removed is only gone from sight. */
export async function acceptDeletion(parts: DeletionParts, place: PostedPlace): Promise<DeletionRest | undefined> {
  const { workspaceId, channelId, messageId } = place;
  const dropped = parts.answering
    .underWay({ workspaceId, channelId })
    .filter(({ message }) => message.messageId === messageId);
  const ends: Promise<void>[] = [];
  for (const { eventId } of dropped) ends.push((await parts.answering.dropQuestion(eventId)).ended);

  const turns = await findAnswers(parts.chat, place);
  const replies: PostedPlace[] = [];
  for (const turn of turns) {
    replies.push(...(await listReplies(parts.chat, turn)));
    await parts.privacy.eraseTurn(turn.id);
    parts.events.publish({ kind: "turn.changed", turnId: turn.id });
  }
  const turnIds = [...new Set([...turns.map(({ id }) => id), ...dropped.map(({ turnId }) => turnId)])];
  if (turnIds.length === 0) return undefined;
  parts.log.info({ turnIds }, "question.deleted");
  return {
    turnIds,
    async finish(connector) {
      await Promise.all(ends);
      for (const turnId of turnIds) await parts.privacy.eraseTurn(turnId);
      for (const reply of replies) await connector.remove(reply);
    },
  };
}

/** The turn of this question, and those that answered it again. */
async function findAnswers(
  chat: ChatStore,
  { workspaceId, channelId, messageId }: PostedPlace,
): Promise<readonly Turn[]> {
  const turn = await chat.findTurnByMessage(workspaceId, channelId, messageId);
  if (turn?.messages.some((item) => item.role === "question" && item.messageId === messageId) !== true) return [];
  const others = await chat.listHistory(turn.conversationId, TURNS_LOOKED_AT_MAX);
  return [turn, ...others.filter(({ id, position }) => id !== turn.id && position === turn.position)];
}

const TURNS_LOOKED_AT_MAX = 200;

/** What was posted, also of a reply that had not ended. */
async function listReplies(chat: ChatStore, turn: Turn): Promise<readonly PostedPlace[]> {
  const stored = turn.messages.flatMap(({ role, messageId }) => (role === "reply" ? [messageId] : []));
  const delivered = (await chat.listDeliveries(turn.id)).flatMap(({ messageId }) => messageId ?? []);
  const { workspaceId, channelId, threadId } = turn;
  const place = { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }) };
  return [...new Set([...stored, ...delivered])].map((messageId) => ({ ...place, messageId }));
}
