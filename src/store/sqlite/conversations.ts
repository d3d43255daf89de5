import type { ChatStore } from "#store/chat-store.ts";
import { keyText, keyTextOrNull } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { conversationTable } from "./tables.ts";

type Conversations = Pick<
  ChatStore,
  "saveConversation" | "findConversation" | "findOpenConversation" | "listConversations"
>;

export function sqliteConversations(sql: Sql): Conversations {
  const save = prepareSave(sql, conversationTable);
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM conversation WHERE id = :id");
  const findOpen = sql.prepare<DocumentRow>(`
    SELECT version, document FROM conversation
    WHERE workspace = :workspace AND channel = :channel AND thread IS :thread AND is_closed = 0
    ORDER BY last_turn_at DESC, id DESC LIMIT 1`);
  const list = sql.prepare<DocumentRow>(`
    SELECT version, document FROM conversation
    WHERE workspace = :workspace AND (:channel IS NULL OR channel = :channel) AND last_turn_at < :before
    ORDER BY last_turn_at DESC, id DESC LIMIT :limit`);

  return {
    async saveConversation(conversation) {
      save(conversation);
    },
    async findConversation(id) {
      const row = find.get({ id: keyText(id) });
      return row && readDocument(conversationTable, id, row);
    },
    async findOpenConversation({ workspaceId, channelId, threadId }) {
      const place = { workspace: keyText(workspaceId), channel: keyText(channelId), thread: keyTextOrNull(threadId) };
      const row = findOpen.get(place);
      return row && readDocument(conversationTable, "of a place", row);
    },
    async listConversations({ workspaceId, channelId, beforeMs: before = Number.MAX_SAFE_INTEGER, limit }) {
      const rows = list.all({ workspace: keyText(workspaceId), channel: keyTextOrNull(channelId), before, limit });
      return rows.map((row) => readDocument(conversationTable, "of a list", row));
    },
  };
}
