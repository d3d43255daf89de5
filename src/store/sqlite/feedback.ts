import { mergeFeedback } from "#core/feedback.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { keyText } from "./columns.ts";
import type { Counts } from "./counts.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { feedbackTable } from "./tables.ts";
import type { TurnMarks } from "./turn-marks.ts";

type FeedbackPart = Pick<ChatStore, "putFeedback" | "listFeedback">;

export function sqliteFeedback(sql: Sql, counts: Counts, marks: TurnMarks): FeedbackPart {
  const save = prepareSave(sql, feedbackTable);
  const findTurn = sql.prepare<{ source_turn_id: string | null }>("SELECT source_turn_id FROM turn WHERE id = :turn");
  const find = sql.prepare<DocumentRow>(
    "SELECT version, document FROM feedback WHERE turn_id = :turn AND user_id = :user",
  );
  const list = sql.prepare<DocumentRow>(
    "SELECT version, document FROM feedback WHERE turn_id = :turn ORDER BY user_id",
  );

  return {
    async putFeedback(change) {
      const turn = keyText(change.turnId);
      return sql.write(() => {
        const links = findTurn.get({ turn });
        if (links === undefined) throw new Error(`Cannot put feedback on turn "${change.turnId}": it is not stored`);
        const row = find.get({ turn, user: keyText(change.userId) });
        const merged = mergeFeedback(row && readDocument(feedbackTable, change.turnId, row), change);
        counts.around(turn, () => {
          save(merged);
          marks.markFeedback(turn);
        });
        marks.markRated([turn, links.source_turn_id]);
        return merged;
      });
    },
    async listFeedback(turnId) {
      return list.all({ turn: keyText(turnId) }).map((row) => readDocument(feedbackTable, turnId, row));
    },
  };
}
