import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { turnWithoutWords } from "#store/without-words.ts";
import { keyText, keyTextOrNull } from "./columns.ts";
import { prepareEraseTitle } from "./conversations.ts";
import type { Counts } from "./counts.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import type { Sql, SqlValue } from "./sql.ts";
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
const COUNTED = [
  "status",
  "conversation_id",
  "audience",
  "domain",
  "day",
  "source_turn_id",
  "regeneration_of",
] as const;

type StoredTurn = Readonly<Record<string, SqlValue>> & { readonly is_erased: number };

/** Writes the turn with its counts and marks, inside a write; without words when it was erased. */
export function prepareSaveCountedTurn(
  sql: Sql,
  counts: Counts,
  marks: TurnMarks,
  erased: ErasedLookup,
): (turn: Turn) => void {
  const writer = prepareWriteTurn(sql);
  const saveErased = prepareSaveErasedTurn(sql);
  const names = [...turnTable.columns.keys()];
  const find = sql.prepare<StoredTurn>(`SELECT is_erased, ${names.join(", ")} FROM turn WHERE id = :id`);

  return (turn) => {
    const id = keyText(turn.id);
    const before = find.get({ id });
    const isErased = before === undefined ? erased.isNewTurnErased(turn) : before.is_erased === 1;
    const write = () => {
      if (isErased) saveErased(turn);
      else if (before === undefined) writer.add(turn);
      else if (isEqualIn(names, before, turn)) writer.replaceDocument(turn);
      else writer.save(turn);
    };
    if (before !== undefined && !isErased && isEqualIn(COUNTED, before, turn)) return write();
    const wasCounted = before?.["status"] === "complete";
    if (wasCounted || turn.status === "complete") counts.around(id, write, wasCounted);
    else write();
    // Nothing was said of a turn that was not there, and nothing serves or repeats it yet.
    const own = before === undefined && turn.regenerationOf === undefined ? [] : [id];
    const linked = [before?.["source_turn_id"], before?.["regeneration_of"], ...linksOf(turn)];
    marks.markRated([...own, ...linked].filter((link) => typeof link === "string"));
  };
}

function isEqualIn(names: readonly string[], before: StoredTurn, turn: Turn): boolean {
  return names.every((name) => before[name] === turnTable.columns.get(name)?.(turn));
}

function linksOf({ provenance, regenerationOf }: Turn): readonly (string | null)[] {
  return [keyTextOrNull(provenance.cache.sourceTurnId), keyTextOrNull(regenerationOf)];
}

/** Writes the turn and its messages, without counts and marks: an import makes those at its end. */
export function prepareSaveTurn(sql: Sql): (turn: Turn) => void {
  return prepareWriteTurn(sql).save;
}

interface TurnWriter {
  readonly save: (turn: Turn) => void;
  /** Of a turn that is not there. */
  readonly add: (turn: Turn) => void;
  /** Of a turn whose columns stay: an index is written for each column that is named, changed or not. */
  readonly replaceDocument: (turn: Turn) => void;
}

function prepareWriteTurn(sql: Sql): TurnWriter {
  const save = prepareSave(sql, turnTable);
  const replace = sql.prepare("UPDATE turn SET version = :version, document = :document WHERE id = :id");
  const listMessages = sql.prepare<MessageKey>(
    "SELECT workspace, channel, message FROM turn_message WHERE turn_id = :id",
  );
  const removeMessage = sql.prepare(`
    DELETE FROM turn_message
    WHERE workspace = :workspace AND channel = :channel AND message = :message AND turn_id = :id`);
  const clearExamples = sql.prepare("DELETE FROM turn_example WHERE turn_id = :id");
  const addExample = sql.prepare(
    "INSERT INTO turn_example (example_id, turn_id) VALUES (:example, :id) ON CONFLICT DO NOTHING",
  );
  const addMessage = sql.prepare(`
    INSERT INTO turn_message (workspace, channel, message, turn_id) VALUES (:workspace, :channel, :message, :id)
    ON CONFLICT DO NOTHING`);

  function addLinks(turn: Turn, known: ReadonlySet<string>): void {
    const id = keyText(turn.id);
    for (const message of messagesOf(turn)) if (!known.has(message.message)) addMessage.run({ ...message, id });
    for (const example of turn.provenance.exampleTurnIds ?? []) addExample.run({ example: keyText(example), id });
  }

  function replaceLinks(turn: Turn): void {
    const id = keyText(turn.id);
    const [place] = messagesOf(turn);
    const wanted = new Set(messagesOf(turn).map(({ message }) => message));
    const known = new Set<string>();
    for (const { workspace, channel, message } of listMessages.all({ id })) {
      const isKept = workspace === place?.workspace && channel === place.channel && wanted.has(message);
      if (isKept) known.add(message);
      else removeMessage.run({ workspace, channel, message, id });
    }
    clearExamples.run({ id });
    addLinks(turn, known);
  }

  return {
    save(turn) {
      save(turn);
      replaceLinks(turn);
    },
    add(turn) {
      save(turn);
      addLinks(turn, NONE);
    },
    replaceDocument(turn) {
      const { version, encode } = turnTable.record;
      replace.run({ id: keyText(turn.id), version, document: encode(turn) });
      replaceLinks(turn);
    },
  };
}

const NONE: ReadonlySet<string> = new Set();

interface MessageKey {
  readonly workspace: string;
  readonly channel: string;
  readonly message: string;
}

function messagesOf({ workspaceId, channelId, messages }: Turn): readonly MessageKey[] {
  const place = { workspace: keyText(workspaceId), channel: keyText(channelId) };
  return messages.map(({ messageId }) => ({ ...place, message: keyText(messageId) }));
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
