import type { Turn } from "#core/turn.ts";
import { eventWithoutWords, reportWithoutReason } from "#store/without-words.ts";
import { cacheVectors } from "./cache-vectors.ts";
import { keyText } from "./columns.ts";
import type { Counts } from "./counts.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { inboxEventTable, reportTable, turnTable } from "./tables.ts";
import type { TurnMarks } from "./turn-marks.ts";
import { prepareSaveErasedTurn } from "./turns.ts";

export interface ErasedTurns {
  readonly turnIds: readonly string[];
  readonly feedback: number;
}

/** Erases turns, given by their key columns, with all that was made from their words. To be called inside a write, which it joins. */
export function prepareEraseTurns(
  sql: Sql,
  counts: Counts,
  marks: TurnMarks,
): (turnKeys: Iterable<string>) => ErasedTurns {
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM turn WHERE id = :id AND is_erased = 0");
  const save = prepareSaveErasedTurn(sql);
  const removeFeedback = sql.prepare("DELETE FROM feedback WHERE turn_id = :id");
  const removeVectors = sql.prepare("DELETE FROM turn_vector WHERE turn_id = :id");
  const removeCached = sql.prepare("DELETE FROM cache_entry WHERE turn_id = :id");
  const cached = cacheVectors(sql);
  const listReports = sql.prepare<DocumentRow>("SELECT version, document FROM report WHERE turn_id = :id");
  const saveReport = prepareSave(sql, reportTable);
  const listEvents = sql.prepare<DocumentRow>(`
    SELECT version, document FROM inbox_event
    WHERE workspace = :workspace AND channel = :channel AND message = :message AND state <> 'done'`);
  const saveEvent = prepareSave(sql, inboxEventTable);

  function eraseReasons(id: string): void {
    for (const row of listReports.all({ id })) saveReport(reportWithoutReason(readDocument(reportTable, id, row)));
  }

  /** Or the next process would answer what was erased. */
  function finishEvents({ workspaceId, channelId, messages }: Turn): void {
    const place = { workspace: keyText(workspaceId), channel: keyText(channelId) };
    for (const { messageId, role } of messages) {
      if (role !== "question") continue;
      for (const row of listEvents.all({ ...place, message: keyText(messageId) })) {
        saveEvent(eventWithoutWords(readDocument(inboxEventTable, messageId, row)));
      }
    }
  }

  /** How much feedback went with the turn. */
  function eraseTurn(id: string, turn: Turn): number {
    let feedback = 0;
    counts.around(id, () => {
      feedback = removeFeedback.run({ id });
      marks.markFeedback(id);
      save(turn);
    });
    const source = turn.provenance.cache.sourceTurnId;
    const again = turn.regenerationOf;
    marks.markRated([id, source && keyText(source), again && keyText(again)]);
    removeVectors.run({ id });
    eraseReasons(id);
    finishEvents(turn);
    return feedback;
  }

  return (turnKeys) => {
    const turnIds: string[] = [];
    let feedback = 0;
    let entries = 0;
    for (const id of turnKeys) {
      const row = find.get({ id });
      if (row === undefined) continue;
      const turn = readDocument(turnTable, id, row);
      feedback += eraseTurn(id, turn);
      entries += removeCached.run({ id });
      turnIds.push(turn.id);
    }
    if (entries > 0) cached.forgetAll();
    return { turnIds, feedback };
  };
}
