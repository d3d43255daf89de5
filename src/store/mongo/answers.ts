import type { Conversation } from "#core/conversation.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";

interface AnswerSteps {
  /** A turn with its conversation: what was erased is asked once for both. */
  saveTurnIn(conversation: Conversation, turn: Turn): Promise<void>;
}

/** One after the other: what comes later is written when what it belongs to is. */
export function withAnswers(chat: Omit<ChatStore, "saveAnswer">, { saveTurnIn }: AnswerSteps): ChatStore {
  return {
    ...chat,
    async saveAnswer({ conversation, turn, delivery, finishedEventIds = [] }) {
      if (conversation !== undefined && turn?.conversationId === conversation.id) {
        await saveTurnIn(conversation, turn);
      } else {
        if (conversation !== undefined) await chat.saveConversation(conversation);
        if (turn !== undefined) await chat.saveTurn(turn);
      }
      if (delivery !== undefined) await chat.saveDelivery(delivery);
      for (const id of finishedEventIds) await chat.finishEvent(id);
    },
  };
}
