import { type Conversation, titleOf } from "#core/conversation.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { keyText, keyTextOrNull } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { conversationTable } from "./tables.ts";

type Conversations = Pick<
  ChatStore,
  "saveConversation" | "findConversation" | "findOpenConversation" | "listConversations"
>;

const MARK = "UPDATE conversation SET is_erased = 1 WHERE id = :id";

export function sqliteConversations(sql: Sql, save: (conversation: Conversation) => void): Conversations {
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM conversation WHERE id = :id");
  const findOpen = sql.prepare<DocumentRow>(`
    SELECT version, document FROM conversation
    WHERE workspace = :workspace AND channel = :channel AND thread IS :thread AND is_closed = 0
    ORDER BY last_turn_at DESC, id DESC LIMIT 1`);
  const prepareList = (place: string) =>
    sql.prepare<DocumentRow>(`
    SELECT version, document FROM conversation WHERE ${place} AND last_turn_at < :before
    ORDER BY last_turn_at DESC, id DESC LIMIT :limit`);
  const listOfWorkspace = prepareList("workspace = :workspace");
  const listOfChannel = prepareList("workspace = :workspace AND channel = :channel");

  return {
    async saveConversation(conversation) {
      sql.write(() => save(conversation));
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
      const page = { workspace: keyText(workspaceId), before, limit };
      const rows =
        channelId === undefined
          ? listOfWorkspace.all(page)
          : listOfChannel.all({ ...page, channel: keyText(channelId) });
      return rows.map((row) => readDocument(conversationTable, "of a list", row));
    },
  };
}

/** Writes a conversation, inside a write; without its title where that was erased. */
export function prepareSaveConversation(sql: Sql): (conversation: Conversation) => void {
  const save = prepareSave(sql, conversationTable);
  const mark = sql.prepare(MARK);
  const findErased = sql.prepare<object>(`
    SELECT 1 WHERE coalesce((SELECT is_erased FROM conversation WHERE id = :id),
      EXISTS (SELECT 1 FROM turn WHERE conversation_id = :id AND position = 0 AND is_erased = 1))`);

  return (conversation) => {
    const id = keyText(conversation.id);
    const isErased = findErased.get({ id }) !== undefined;
    save(isErased ? { ...conversation, title: "" } : conversation);
    if (isErased) mark.run({ id });
  };
}

/** Empties the title, for good, where it was made from this turn's question or no other turn is left to explain it. */
export function prepareEraseTitle(sql: Sql): (turn: Turn) => void {
  const save = prepareSave(sql, conversationTable);
  const mark = sql.prepare(MARK);
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM conversation WHERE id = :id AND is_erased = 0");
  const findOther = sql.prepare<object>(
    "SELECT 1 FROM turn WHERE conversation_id = :id AND is_erased = 0 AND id <> :turn LIMIT 1",
  );

  return (turn) => {
    const id = keyText(turn.conversationId);
    const row = find.get({ id });
    if (row === undefined) return;
    const conversation = readDocument(conversationTable, turn.conversationId, row);
    const isFrom = turn.position === 0 || titleOf(turn.question) === conversation.title;
    if (!isFrom && findOther.get({ id, turn: keyText(turn.id) }) !== undefined) return;
    save({ ...conversation, title: "" });
    mark.run({ id });
  };
}
