import type { Conversation } from "#core/conversation.ts";
import type { Feedback } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { ConversationView, FeedbackView, TurnView } from "./api-records.ts";

export function viewConversation(conversation: Conversation): ConversationView {
  return {
    id: conversation.id,
    ...(conversation.threadId === undefined ? {} : { threadId: conversation.threadId }),
    title: conversation.title,
    domain: conversation.domain,
    turns: conversation.turns,
    openedAtMs: conversation.openedAtMs,
    lastTurnAtMs: conversation.lastTurnAtMs,
    isClosed: conversation.closedAtMs !== undefined,
  };
}

/** `feedback` is this person's own, if there is any; what others think of the reply is not told. */
export function viewTurn(turn: Turn, feedback: Feedback | undefined, adapterName: string | undefined): TurnView {
  const { provenance, arm } = turn;
  const question = turn.messages.find((message) => message.role === "question");
  return {
    id: turn.id,
    conversationId: turn.conversationId,
    ...(turn.threadId === undefined ? {} : { threadId: turn.threadId }),
    position: turn.position,
    ...(turn.regenerationOf === undefined ? {} : { regenerationOf: turn.regenerationOf }),
    ...(question === undefined ? {} : { messageId: question.messageId }),
    question: turn.question,
    reply: turn.reply,
    status: turn.status,
    domain: turn.domain,
    model: provenance.modelName,
    ...(arm.adapterDigest === undefined
      ? {}
      : { adapter: { digest: arm.adapterDigest, name: adapterName ?? arm.adapterDigest.slice(0, 12) } }),
    cache: provenance.cache,
    promptTokens: provenance.promptTokens,
    replyTokens: provenance.replyTokens,
    ...(provenance.firstTokenMs === undefined ? {} : { firstTokenMs: provenance.firstTokenMs }),
    totalMs: provenance.totalMs,
    turnsCut: provenance.turnsCut,
    endedBy: provenance.endedBy,
    askedAtMs: turn.askedAtMs,
    ...(turn.repliedAtMs === undefined ? {} : { repliedAtMs: turn.repliedAtMs }),
    feedback: viewFeedback(feedback),
  };
}

function viewFeedback(feedback: Feedback | undefined): FeedbackView {
  return {
    ...(feedback?.score === undefined ? {} : { score: feedback.score }),
    ...(feedback?.comment === undefined ? {} : { comment: feedback.comment }),
    ...(feedback?.correction === undefined ? {} : { correction: feedback.correction }),
  };
}
