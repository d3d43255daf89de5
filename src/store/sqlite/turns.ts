import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { turnWithoutWords } from "#store/without-words.ts";
import { keyText, keyTextOrNull } from "./columns.ts";
import { prepareEraseTitle } from "./conversations.ts";
import type { Counts } from "./counts.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { turnTable } from "./tables.ts";
import type { TurnMarks } from "./turn-marks.ts";

type Turns = Pick<ChatStore, "saveTurn" | "findTurn" | "findTurnByMessage" | "listHistory" | "listRecentReplies">;

export function sqliteTurns(sql: Sql, save: (turn: Turn) => void): Turns {
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM turn WHERE id = :id");
  // A regenerated or edited turn shares its question's message: the newest that still stands is meant.
  const findByMessage = sql.prepare<DocumentRow>(`
    SELECT version, document FROM turn_message JOIN turn ON turn.id = turn_id
    WHERE turn_message.workspace = :workspace AND turn_message.channel = :channel AND message = :message
    ORDER BY CASE status WHEN 'superseded' THEN 1 WHEN 'deleted' THEN 2 ELSE 0 END, asked_at DESC, turn.id DESC LIMIT 1`);
  const listNewest = sql.prepare<DocumentRow>(`
    SELECT version, document FROM turn
    WHERE conversation_id = :conversation AND status NOT IN ('superseded', 'deleted')
    ORDER BY position DESC, asked_at DESC, id DESC LIMIT :limit`);

  const listRecent = sql.prepare<DocumentRow>(`
    SELECT version, document FROM turn
    WHERE status = 'complete' AND platform = :platform AND replied_at > :since
    ORDER BY replied_at DESC, id DESC LIMIT :limit`);

  return {
    async saveTurn(turn) {
      sql.write(() => save(turn));
    },
    async findTurn(id) {
      const row = find.get({ id: keyText(id) });
      return row && readDocument(turnTable, id, row);
    },
    async findTurnByMessage(workspaceId, channelId, messageId) {
      const workspace = keyText(workspaceId);
      const row = findByMessage.get({ workspace, channel: keyText(channelId), message: keyText(messageId) });
      return row && readDocument(turnTable, "of a message", row);
    },
    async listHistory(conversationId, limit) {
      const rows = listNewest.all({ conversation: keyText(conversationId), limit });
      return rows.map((row) => readDocument(turnTable, "of a conversation", row)).reverse();
    },
    async listRecentReplies(platform, sinceMs, limit) {
      const rows = listRecent.all({ platform, since: sinceMs, limit });
      return rows.map((row) => readDocument(turnTable, "of recent ones", row));
    },
  };
}

/** What counts and marks follow from. */
interface Counted {
  readonly status: string;
  readonly conversation_id: string;
  readonly audience: string;
  readonly domain: string;
  readonly day: number;
  readonly source_turn_id: string | null;
  readonly regeneration_of: string | null;
}

/** Writes the turn with its counts and marks, inside a write; without words when it was erased. */
export function prepareSaveCountedTurn(
  sql: Sql,
  counts: Counts,
  marks: TurnMarks,
  erased: ErasedLookup,
): (turn: Turn) => void {
  const save = prepareSaveTurn(sql);
  const saveErased = prepareSaveErasedTurn(sql);
  const find = sql.prepare<Counted & { readonly is_erased: number }>(`
    SELECT is_erased, status, conversation_id, audience, domain, day, source_turn_id, regeneration_of FROM turn
    WHERE id = :id`);

  return (turn) => {
    const id = keyText(turn.id);
    const before = find.get({ id });
    const isErased = before === undefined ? erased.isNewTurnErased(turn) : before.is_erased === 1;
    const write = () => (isErased ? saveErased(turn) : save(turn));
    if (before !== undefined && !isErased && isCountedAs(before, turn)) return write();
    if (before?.status === "complete" || turn.status === "complete") counts.around(id, write);
    else write();
    const linked = [before?.source_turn_id, before?.regeneration_of, ...linksOf(turn)];
    marks.markRated([id, ...linked]);
  };
}

function isCountedAs(before: Counted, turn: Turn): boolean {
  for (const name of COUNTED) if (before[name] !== turnTable.columns.get(name)?.(turn)) return false;
  return true;
}

const COUNTED = [
  "status",
  "conversation_id",
  "audience",
  "domain",
  "day",
  "source_turn_id",
  "regeneration_of",
] as const satisfies readonly (keyof Counted)[];

function linksOf({ provenance, regenerationOf }: Turn): readonly (string | null)[] {
  return [keyTextOrNull(provenance.cache.sourceTurnId), keyTextOrNull(regenerationOf)];
}

/** Writes the turn and its messages, without counts and marks: an import makes those at its end. */
export function prepareSaveTurn(sql: Sql): (turn: Turn) => void {
  const save = prepareSave(sql, turnTable);
  const clearMessages = sql.prepare("DELETE FROM turn_message WHERE turn_id = :id");
  const clearExamples = sql.prepare("DELETE FROM turn_example WHERE turn_id = :id");
  const addExample = sql.prepare(
    "INSERT INTO turn_example (example_id, turn_id) VALUES (:example, :id) ON CONFLICT DO NOTHING",
  );
  const addMessage = sql.prepare(`
    INSERT INTO turn_message (workspace, channel, message, turn_id) VALUES (:workspace, :channel, :message, :id)
    ON CONFLICT DO NOTHING`);

  return (turn) => {
    const id = keyText(turn.id);
    const place = { workspace: keyText(turn.workspaceId), channel: keyText(turn.channelId), id };
    save(turn);
    clearMessages.run({ id });
    for (const { messageId } of turn.messages) addMessage.run({ ...place, message: keyText(messageId) });
    clearExamples.run({ id });
    for (const example of turn.provenance.exampleTurnIds ?? []) addExample.run({ example: keyText(example), id });
  };
}

/** What is left of a turn, and of its conversation's title where that came from it; without counts and marks. */
export function prepareSaveErasedTurn(sql: Sql): (turn: Turn) => void {
  const save = prepareSaveTurn(sql);
  const mark = sql.prepare("UPDATE turn SET is_erased = 1 WHERE id = :id");
  const eraseTitle = prepareEraseTitle(sql);

  return (turn) => {
    const id = keyText(turn.id);
    save(turnWithoutWords(turn));
    mark.run({ id });
    eraseTitle(turn);
  };
}
