import { ALL_DOMAINS } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import type { LearningStore, RatedTurn } from "#store/learning-store.ts";
import { keyText, scopeColumns } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, readDocument } from "./table.ts";
import { feedbackTable, turnTable } from "./tables.ts";

interface RatedRow extends DocumentRow {
  readonly served_again: number;
}

export function sqliteRatedTurns(sql: Sql): Pick<LearningStore, "pageRatedTurns"> {
  const preparePage = (isNewestFirst: boolean, scope: string) =>
    sql.prepare<RatedRow>(`
    SELECT version, document, (SELECT count(*) FROM turn AS other WHERE other.source_turn_id = turn.id
      AND other.status = 'complete' AND other.is_disliked = 0 AND other.id <> turn.id) AS served_again
    FROM turn
    WHERE is_rated = 1 AND status = 'complete' AND ${scope}
      AND asked_at >= :since AND (asked_at, id) ${isNewestFirst ? "<" : ">"} (:afterAskedAt, :afterId)
    ORDER BY asked_at ${isNewestFirst ? "DESC" : "ASC"}, id ${isNewestFirst ? "DESC" : "ASC"} LIMIT :limit`);
  const prepareBoth = (scope: string) => ({ oldest: preparePage(false, scope), newest: preparePage(true, scope) });
  const ofAudience = prepareBoth("audience = :audience");
  const ofDomain = prepareBoth("audience = :audience AND domain = :domain");
  const findAskedAt = sql.prepare<{ asked_at: number }>("SELECT asked_at FROM turn WHERE id = :id");
  const findTurn = sql.prepare<DocumentRow>("SELECT version, document FROM turn WHERE id = :id");
  const listFeedback = sql.prepare<DocumentRow>(
    "SELECT version, document FROM feedback WHERE turn_id = :id ORDER BY user_id",
  );

  function findPlace(after: string | undefined, isNewestFirst: boolean) {
    if (after === undefined) {
      return { afterAskedAt: isNewestFirst ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER, afterId: "" };
    }
    const afterId = keyText(after);
    const row = findAskedAt.get({ id: afterId });
    if (row === undefined) throw new RangeError(`Cannot page rated turns after "${after}": it is not stored`);
    return { afterAskedAt: row.asked_at, afterId };
  }

  function findInputs(turn: Turn): readonly Turn[] {
    return turn.inputTurnIds.flatMap((id) => {
      const row = findTurn.get({ id: keyText(id) });
      return row === undefined ? [] : [readDocument(turnTable, id, row)];
    });
  }

  function toRatedTurn(row: RatedRow): RatedTurn {
    const turn = readDocument(turnTable, "of a scope", row);
    const feedback = listFeedback.all({ id: keyText(turn.id) });
    return {
      turn,
      inputs: findInputs(turn),
      feedback: feedback.map((item) => readDocument(feedbackTable, turn.id, item)),
      servedAgain: row.served_again,
    };
  }

  return {
    async pageRatedTurns({ scope, sinceMs, after, limit, isNewestFirst = false }) {
      const { audience, domain } = scopeColumns(scope);
      const place = { audience, since: Math.ceil(sinceMs), ...findPlace(after, isNewestFirst), limit };
      const end = isNewestFirst ? "newest" : "oldest";
      const rows = scope.domain === ALL_DOMAINS ? ofAudience[end].all(place) : ofDomain[end].all({ ...place, domain });
      return rows.map(toRatedTurn);
    },
  };
}
