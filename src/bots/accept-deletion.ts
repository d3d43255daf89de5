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

  const erased = new Set<string>();
  const replies: PostedPlace[] = [];
  const erase = async (turn: Turn) => {
    erased.add(turn.id);
    replies.push(...(await listReplies(parts.chat, turn)));
    await parts.privacy.eraseTurn(turn.id);
    parts.events.publish({ kind: "turn.changed", turnId: turn.id });
  };
  // What stands is found first, then what an edit superseded, then what was erased: until nothing else is left.
  for (let found = 0; found < REVISIONS_MAX; found++) {
    const turn = await findAnswer(parts.chat, place);
    if (turn === undefined || turn.status === "deleted" || erased.has(turn.id)) break;
    const again = await findAnsweredAgain(parts.chat, turn);
    await erase(turn);
    for (const other of again) await erase(other);
  }
  const turnIds = [...new Set([...erased, ...dropped.map(({ turnId }) => turnId)])];
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

/** The newest turn that answers this question. */
async function findAnswer(
  chat: ChatStore,
  { workspaceId, channelId, messageId }: PostedPlace,
): Promise<Turn | undefined> {
  const turn = await chat.findTurnByMessage(workspaceId, channelId, messageId);
  return turn?.messages.some((item) => item.role === "question" && item.messageId === messageId) === true
    ? turn
    : undefined;
}

/** Those that answered it again stand under messages of their own where they were called by a command. */
async function findAnsweredAgain(chat: ChatStore, turn: Turn): Promise<readonly Turn[]> {
  const origin = turn.regenerationOf ?? turn.id;
  const others = await chat.listHistory(turn.conversationId, TURNS_LOOKED_AT_MAX);
  return others.filter(({ id, regenerationOf }) => id !== turn.id && (id === origin || regenerationOf === origin));
}

/** Edits and new answers of one question. */
const REVISIONS_MAX = 100;

const TURNS_LOOKED_AT_MAX = 200;

/** What was posted, also of a reply that had not ended. */
async function listReplies(chat: ChatStore, turn: Turn): Promise<readonly PostedPlace[]> {
  const stored = turn.messages.flatMap(({ role, messageId }) => (role === "reply" ? [messageId] : []));
  const delivered = (await chat.listDeliveries(turn.id)).flatMap(({ messageId }) => messageId ?? []);
  const { workspaceId, channelId, threadId } = turn;
  const place = { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }) };
  return [...new Set([...stored, ...delivered])].map((messageId) => ({ ...place, messageId }));
}
