import type { IncomingMessage } from "#core/inbox.ts";
import { audienceOf } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import type { AnswerParts } from "./answer-parts.ts";

export interface TakenOver {
  /** There are posts to go on with; the turn's deliveries name them. */
  readonly hasPosts: boolean;
  /** Whose conversation and place in it the new turn keeps; undefined when the audience is another one by now. */
  readonly place?: Turn;
}

/**
 * The question was edited: the turn before it is superseded and loses its words, which its writer took back. Its posts become the
 * new turn's. Doing it twice changes nothing more.
 */
export async function takeOverEdited(
  { chat, cache, now }: AnswerParts,
  turnId: string,
  message: IncomingMessage,
): Promise<TakenOver | undefined> {
  if ((message.revision ?? 0) === 0) return undefined;
  const earlier = await chat.findTurnByMessage(message.workspaceId, message.channelId, message.messageId);
  if (earlier === undefined || earlier.id === turnId || earlier.status === "deleted") return undefined;

  const posted = new Map<number, string>();
  for (const { part, messageId } of await chat.listDeliveries(earlier.id)) {
    if (messageId !== undefined) posted.set(part, messageId);
  }
  for (const { role, part, messageId } of earlier.messages) if (role === "reply") posted.set(part, messageId);
  for (const [part, messageId] of posted) {
    await chat.saveDelivery({ turnId, part, state: "posted", messageId, changedAtMs: now() });
  }
  await cache.evictTurn(earlier.id);
  const questions = earlier.messages.filter(({ role }) => role === "question");
  await chat.saveTurn({ ...earlier, question: "", reply: "", status: "superseded", messages: questions });
  const isSameAudience = earlier.audience === audienceOf(message.visibility, message.channelId);
  return { hasPosts: posted.size > 0, ...(isSameAudience ? { place: earlier } : {}) };
}
