import type { Conversation } from "#core/conversation.ts";
import type { Delivery } from "#core/inbox.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { Sql } from "./sql.ts";

/** Each inside a write. */
export interface AnswerWriters {
  readonly conversation: (conversation: Conversation) => void;
  readonly turn: (turn: Turn) => void;
  readonly delivery: (delivery: Delivery) => void;
  readonly finish: (eventId: string) => void;
}

export function sqliteAnswers(sql: Sql, write: AnswerWriters): Pick<ChatStore, "saveAnswer"> {
  return {
    async saveAnswer({ conversation, turn, delivery, finishedEventIds = [] }) {
      const save = () => {
        if (conversation !== undefined) write.conversation(conversation);
        if (turn !== undefined) write.turn(turn);
        if (delivery !== undefined) write.delivery(delivery);
        for (const id of finishedEventIds) write.finish(id);
      };
      // After a power cut the events are still claimed: whoever takes them over finds the reply where it stands.
      if (finishedEventIds.length > 0) sql.unawaited(() => sql.write(save));
      else sql.write(save);
    },
  };
}
