import { TurnUnknownError } from "#core/errors.ts";
import { type FeedbackChange, mergeFeedback } from "#core/feedback.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { keyText } from "./columns.ts";
import type { Counts } from "./counts.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { feedbackTable } from "./tables.ts";
import type { TurnMarks } from "./turn-marks.ts";

type FeedbackPart = Pick<ChatStore, "putFeedback" | "listFeedback">;

export function sqliteFeedback(sql: Sql, counts: Counts, marks: TurnMarks, erased: ErasedLookup): FeedbackPart {
  const save = prepareSave(sql, feedbackTable);
  const findTurn = sql.prepare<{ source_turn_id: string | null }>(
    "SELECT source_turn_id FROM turn WHERE id = :turn AND is_erased = 0",
  );
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
        if (links === undefined) throw new TurnUnknownError(change.turnId);
        const row = find.get({ turn, user: keyText(change.userId) });
        const stored = row && readDocument(feedbackTable, change.turnId, row);
        const { workspaceId, userId, atMs } = change;
        if (erased.isPersonErased(workspaceId, userId, atMs)) return mergeFeedback(stored, withoutOpinion(change));
        const merged = mergeFeedback(stored, change);
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

/** Names nothing, so that it changes nothing. */
function withoutOpinion({ turnId, userId, workspaceId, source, atMs }: FeedbackChange): FeedbackChange {
  return { turnId, userId, workspaceId, source, atMs };
}
