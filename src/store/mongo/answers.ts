import type { ChatStore } from "#store/chat-store.ts";

/** One after the other: what comes later is written when what it belongs to is. */
export function withAnswers(chat: Omit<ChatStore, "saveAnswer">): ChatStore {
  return {
    ...chat,
    async saveAnswer({ conversation, turn, delivery, finishedEventIds = [] }) {
      if (conversation !== undefined) await chat.saveConversation(conversation);
      if (turn !== undefined) await chat.saveTurn(turn);
      if (delivery !== undefined) await chat.saveDelivery(delivery);
      for (const id of finishedEventIds) await chat.finishEvent(id);
    },
  };
}
