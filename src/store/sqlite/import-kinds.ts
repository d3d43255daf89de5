import type { Conversation } from "#core/conversation.ts";
import type { Feedback } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import { keyText } from "./columns.ts";
import { sqliteCounts } from "./counts.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import type { Sql } from "./sql.ts";
import { type Importer, prepareImport, prepareSave } from "./table.ts";
import * as tables from "./tables.ts";
import { sqliteTurnMarks } from "./turn-marks.ts";
import { prepareSaveCountedTurn } from "./turns.ts";

export type FillKind = Pick<Importer, "kind" | "write">;

/** By kind: how lines are read. */
export function importersOf(sql: Sql): ReadonlyMap<string, Importer> {
  const { small, large } = fillKinds(sql);
  return new Map([...small, ...large].map((importer) => [importer.kind, importer]));
}

/**
 * In the order in which they are taken over. Small ones are taken over at once, in one write: a bot never works without the settings and
 * permissions of its places. Inbox events come last: a bot answers them as soon as they are there.
 */
export function fillKinds(sql: Sql): { readonly small: readonly Importer[]; readonly large: readonly Importer[] } {
  const counts = sqliteCounts(sql);
  const marks = sqliteTurnMarks(sql);
  const small = [
    prepareImport(sql, tables.permissionTable),
    prepareImport(sql, tables.userChoiceTable),
    prepareImport(sql, tables.deletionTable),
    prepareImport(sql, tables.erasedPlaceTable),
    prepareImport(sql, tables.settingTable),
    prepareImport(sql, tables.installationTable),
    prepareImport(sql, tables.markTable),
    prepareImport(sql, tables.reportTable),
    prepareImport(sql, tables.datasetTable),
    prepareImport(sql, tables.runTable),
    prepareImport(sql, tables.adapterTable),
    prepareImport(sql, tables.serviceTable),
    prepareImport(sql, tables.modelUseTable),
  ];
  const large = [
    prepareImport(sql, tables.conversationTable, prepareConversation(sql)),
    prepareImport(sql, tables.turnTable, prepareTurn(sql, counts, marks)),
    prepareImport(sql, tables.feedbackTable, prepareFeedback(sql, counts, marks)),
    prepareImport(sql, tables.deliveryTable),
    prepareImport(sql, tables.runEventTable),
    prepareImport(sql, tables.auditEntryTable),
    prepareImport(sql, tables.inboxEventTable),
  ];
  return { small, large };
}

/** The flag that keeps words away is not in the records: it follows from what they lack. */
function prepareConversation(sql: Sql): (conversation: Conversation) => void {
  const save = prepareSave(sql, tables.conversationTable);
  const markErased = sql.prepare("UPDATE conversation SET is_erased = 1 WHERE id = :id");
  return (conversation) => {
    save(conversation);
    if (conversation.title === "") markErased.run({ id: keyText(conversation.id) });
  };
}

/** What was erased is erased again when all that was made from its words is there to be found. */
const NOT_YET_ERASED: ErasedLookup = {
  isNewTurnErased: () => false,
  isPersonErased: () => false,
  isReasonErased: () => false,
};

function prepareTurn(
  sql: Sql,
  counts: ReturnType<typeof sqliteCounts>,
  marks: ReturnType<typeof sqliteTurnMarks>,
): (turn: Turn) => void {
  const save = prepareSaveCountedTurn(sql, counts, marks, NOT_YET_ERASED);
  const markErased = sql.prepare("UPDATE turn SET is_erased = 1 WHERE id = :id");
  return (turn) => {
    save(turn);
    if (turn.status === "deleted" && turn.question === "" && turn.reply === "")
      markErased.run({ id: keyText(turn.id) });
  };
}

/** A turn that was erased by now has none. */
function prepareFeedback(
  sql: Sql,
  counts: ReturnType<typeof sqliteCounts>,
  marks: ReturnType<typeof sqliteTurnMarks>,
): (feedback: Feedback) => void {
  const save = prepareSave(sql, tables.feedbackTable);
  const findTurn = sql.prepare<{ source_turn_id: string | null; is_erased: number }>(
    "SELECT source_turn_id, is_erased FROM turn WHERE id = :turn",
  );
  return (feedback) => {
    const turn = keyText(feedback.turnId);
    const found = findTurn.get({ turn });
    if (found?.is_erased === 1) return;
    counts.around(turn, () => {
      save(feedback);
      marks.markFeedback(turn);
    });
    marks.markRated([turn, found?.source_turn_id]);
  };
}
