import { ALL_DOMAINS } from "#core/scope.ts";
import type { LearningStore } from "#store/learning-store.ts";
import { dayOf, parseScopeColumns, scopeColumns } from "./columns.ts";
import type { Counts } from "./counts.ts";
import type { Sql } from "./sql.ts";
import type { TurnMarks } from "./turn-marks.ts";

interface Sums {
  readonly conversations: number;
  readonly turns: number;
  readonly feedback: number;
  readonly score_sum: number;
  readonly examples: number;
  readonly raters: number;
  readonly examples_ever: number;
}

export function sqliteCountReader(
  sql: Sql,
  counts: Counts,
  marks: TurnMarks,
): Pick<LearningStore, "readCounts" | "rebuildCounts" | "listScopes"> {
  const within = (column: string) => `coalesce(sum(${column}) FILTER (WHERE day >= :since), 0) AS ${column}`;
  const read = sql.prepare<Sums>(`
    SELECT ${["conversations", "turns", "feedback", "score_sum", "examples", "raters"].map(within).join(", ")},
      coalesce(sum(examples), 0) AS examples_ever
    FROM count_day WHERE audience = :audience AND domain = :domain`);
  const list = sql.prepare<{ audience: string; domain: string }>(`
    SELECT audience, domain FROM count_day WHERE domain <> '${ALL_DOMAINS}'
    GROUP BY audience, domain HAVING sum(turns) > 0 ORDER BY audience, domain`);

  return {
    async readCounts(scope, sinceMs) {
      const row = read.get({ ...scopeColumns(scope), since: dayOf(sinceMs) });
      if (row === undefined) throw new Error("Cannot read counts: a sum without groups gave no row");
      return {
        conversations: row.conversations,
        messages: row.turns * 2,
        feedback: row.feedback,
        scoreSum: row.score_sum,
        examples: row.examples,
        raters: row.raters,
        examplesEver: row.examples_ever,
      };
    },
    async rebuildCounts() {
      sql.write(() => {
        marks.rebuild();
        counts.rebuild();
      });
    },
    async listScopes() {
      return list.all().map((row) => parseScopeColumns(row.audience, row.domain));
    },
  };
}
