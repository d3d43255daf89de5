import { type Feedback, isDisliked, isExample, readinessScore } from "#core/feedback.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, readDocument } from "./table.ts";
import { feedbackTable } from "./tables.ts";

/** Columns of a turn that follow from feedback and from other turns; `core/feedback.ts` has the rules. */
export interface TurnMarks {
  /** After the turn's feedback changed; by column key. */
  markFeedback(turnKey: string): void;
  /** Whether there is anything to learn from these turns: their feedback, replies served again, regenerations. */
  markRated(turnKeys: readonly (string | null | undefined)[]): void;
  /** Every turn anew. */
  rebuild(): void;
}

const SERVED_WELL = "status = 'complete' AND is_disliked = 0 AND id <> source_turn_id";

export function sqliteTurnMarks(sql: Sql): TurnMarks {
  const listFeedback = sql.prepare<DocumentRow>("SELECT version, document FROM feedback WHERE turn_id = :id");
  const mark = sql.prepare(`
    UPDATE turn SET scores = :scores, score_sum = :sum, is_example = :isExample, is_disliked = :isDisliked,
      has_feedback = :hasFeedback WHERE id = :id`);
  // An answer that is served often stays rated: nothing is written for it.
  const markRated = sql.prepare(`
    UPDATE turn AS t SET is_rated = 1 - is_rated
    WHERE id = :id AND is_rated <> (has_feedback OR regeneration_of IS NOT NULL
      OR EXISTS (SELECT 1 FROM turn WHERE source_turn_id = t.id AND ${SERVED_WELL})
      OR EXISTS (SELECT 1 FROM turn WHERE regeneration_of = t.id AND status = 'complete'))`);
  const pageRated = sql.prepare<{ turn_id: string }>(
    "SELECT DISTINCT turn_id FROM feedback WHERE turn_id > :after ORDER BY turn_id LIMIT 1000",
  );

  function markFeedback(id: string): void {
    const feedback = listFeedback.all({ id }).map((row) => readDocument(feedbackTable, "of a turn", row));
    const scores = feedback.flatMap((item) => readinessScore(item) ?? []);
    mark.run({
      id,
      scores: scores.length,
      sum: scores.reduce<number>((sum, score) => sum + score, 0),
      isExample: isExample(feedback) ? 1 : 0,
      isDisliked: isDisliked(feedback) ? 1 : 0,
      hasFeedback: feedback.some(saysSomething) ? 1 : 0,
    });
  }

  return {
    markFeedback,
    markRated(turnKeys) {
      for (const id of new Set(turnKeys)) if (id) markRated.run({ id });
    },
    rebuild() {
      sql.exec(`UPDATE turn SET scores = 0, score_sum = 0, is_example = 0, is_disliked = 0, has_feedback = 0
        WHERE scores + is_example + is_disliked + has_feedback > 0`);
      for (let after = ""; ; ) {
        const page = pageRated.all({ after });
        for (const row of page) markFeedback(row.turn_id);
        const last = page.at(-1);
        if (last === undefined) break;
        after = last.turn_id;
      }
      // Only those that change are written: after an import most are as they should be.
      sql.exec(`UPDATE turn SET is_rated = 1 - is_rated WHERE is_rated <> (has_feedback OR regeneration_of IS NOT NULL
        OR id IN (SELECT source_turn_id FROM turn WHERE source_turn_id IS NOT NULL AND ${SERVED_WELL})
        OR id IN (SELECT regeneration_of FROM turn WHERE regeneration_of IS NOT NULL AND status = 'complete'))`);
    },
  };
}

/** Feedback that was wholly taken back is a tombstone. */
function saysSomething(feedback: Feedback): boolean {
  return feedback.score !== undefined || feedback.correction !== undefined || feedback.comment !== undefined;
}
