import type { Feedback } from "#core/feedback.ts";
import { eventWithoutWords, reportWithoutReason } from "#store/without-words.ts";
import { keyText } from "./columns.ts";
import type { Counts } from "./counts.ts";
import type { ErasedTurns, prepareEraseTurns } from "./erase-turns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { feedbackTable, inboxEventTable, reportTable } from "./tables.ts";
import type { TurnMarks } from "./turn-marks.ts";
import { turnsHoldingWordsOf } from "./turns-holding-words.ts";

/** Up to this moment; what came later stays. */
export interface ErasedPerson {
  readonly workspaceId: string;
  readonly userId: string;
  readonly untilMs: number;
}

/** Each call is one write; undefined when nothing is left to erase. */
export type EraseStep<T> = (what: T) => ErasedTurns | undefined;

interface Steps {
  /** What is to go at once, however much more there is: nobody answers or closes with their words any more. */
  begin(person: ErasedPerson): void;
  readonly next: EraseStep<ErasedPerson>;
}

export function prepareErasePerson(
  sql: Sql,
  parts: {
    readonly counts: Counts;
    readonly marks: TurnMarks;
    readonly eraseTurns: ReturnType<typeof prepareEraseTurns>;
    /** Turns or feedback of one write. */
    readonly batch: number;
  },
): Steps {
  const { counts, marks, eraseTurns, batch } = parts;
  const holders = turnsHoldingWordsOf(sql);
  const listEvents = sql.prepare<DocumentRow>(`
    SELECT version, document FROM inbox_event
    WHERE workspace = :workspace AND user_id = :user AND state <> 'done' AND received_at <= :until`);
  const saveEvent = prepareSave(sql, inboxEventTable);
  const listReports = sql.prepare<DocumentRow>(
    "SELECT version, document FROM report WHERE workspace = :workspace AND reported_by = :user AND at <= :until",
  );
  const saveReport = prepareSave(sql, reportTable);
  const listTurns = sql.prepare<{ id: string }>(`
    SELECT id FROM turn WHERE workspace = :workspace AND asker = :user AND is_erased = 0 AND asked_at <= :until
    ORDER BY asked_at LIMIT ${batch}`);
  const given = "max(document ->> '$.scoreAtMs', document ->> '$.commentAtMs', document ->> '$.correctionAtMs')";
  const listFeedback = sql.prepare<DocumentRow>(`
    SELECT version, document FROM feedback
    WHERE workspace = :workspace AND user_id = :user AND ${given} <= :until LIMIT ${batch}`);
  const removeFeedback = sql.prepare("DELETE FROM feedback WHERE turn_id = :turn AND user_id = :user");
  const findSource = sql.prepare<{ source_turn_id: string | null }>("SELECT source_turn_id FROM turn WHERE id = :turn");
  const listEndorsed = sql.prepare<DocumentRow>(`
    SELECT version, document FROM feedback WHERE workspace = :workspace AND endorsers > 0 AND ${given} <= :until`);
  const saveFeedback = prepareSave(sql, feedbackTable);

  const paramsOf = ({ workspaceId, userId, untilMs: until }: ErasedPerson) => ({
    workspace: keyText(workspaceId),
    user: keyText(userId),
    until,
  });

  /** Those that hold the words go first: were the turn to go first, a kill would leave them unfound. */
  function eraseOwnTurns(person: ErasedPerson): ErasedTurns | undefined {
    const turns = new Set<string>();
    for (const { id } of listTurns.all(paramsOf(person))) holders.collect(id, turns, batch);
    return turns.size === 0 ? undefined : eraseTurns(turns);
  }

  function eraseGivenFeedback(person: ErasedPerson): ErasedTurns | undefined {
    const { user, ...rest } = paramsOf(person);
    const taught = new Set<string>();
    const turnIds: string[] = [];
    let feedback = 0;
    for (const row of listFeedback.all({ user, ...rest })) {
      const item = readDocument(feedbackTable, "of a person", row);
      const turn = keyText(item.turnId);
      if (item.correction !== undefined && !holders.collectTaught(turn, taught, batch)) break;
      counts.around(turn, () => {
        removeFeedback.run({ turn, user });
        marks.markFeedback(turn);
      });
      marks.markRated([turn, findSource.get({ turn })?.source_turn_id]);
      feedback += 1;
      if (item.correction !== undefined) turnIds.push(item.turnId);
    }
    const erased = eraseTurns(taught);
    if (feedback + erased.turnIds.length === 0) return undefined;
    return { turnIds: [...turnIds, ...erased.turnIds], feedback: feedback + erased.feedback };
  }

  function eraseEndorsements(person: ErasedPerson): ErasedTurns | undefined {
    const { workspace, until } = paramsOf(person);
    const endorsed = listEndorsed
      .all({ workspace, until })
      .map((row) => readDocument(feedbackTable, "of a workspace", row))
      .filter(({ endorsedBy }) => endorsedBy.includes(person.userId))
      .slice(0, batch);
    for (const item of endorsed) saveFeedback(withoutEndorser(item, person.userId));
    return endorsed.length === 0 ? undefined : { turnIds: [], feedback: 0 };
  }

  return {
    begin(person) {
      const params = paramsOf(person);
      for (const row of listEvents.all(params)) saveEvent(eventWithoutWords(readDocument(inboxEventTable, "", row)));
      for (const row of listReports.all(params)) saveReport(reportWithoutReason(readDocument(reportTable, "", row)));
    },
    next: (person) => eraseOwnTurns(person) ?? eraseGivenFeedback(person) ?? eraseEndorsements(person),
  };
}

function withoutEndorser(feedback: Feedback, userId: string): Feedback {
  return { ...feedback, endorsedBy: feedback.endorsedBy.filter((id) => id !== userId) };
}
