import { setImmediate as letOthers } from "node:timers/promises";
import { ALL_DOMAINS, type LearningScope } from "#core/scope.ts";
import type { LearningStore } from "#store/learning-store.ts";
import { dayOf, parseScopeColumns, scopeColumns } from "./columns.ts";
import type { Counts } from "./counts.ts";
import type { Sql } from "./sql.ts";
import type { TurnMarks } from "./turn-marks.ts";

/** Chat goes first. */
const SCOPES_AT_ONCE = 200;

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
  // From one scope to the next: a scope has a row for each of its days, a community has a scope for each direct conversation.
  const findNext = sql.prepare<{ audience: string; domain: string }>(`
    SELECT audience, domain FROM count_day WHERE (audience, domain) > (:audience, :domain)
    ORDER BY audience, domain LIMIT 1`);
  const findTurns = sql.prepare<object>(
    "SELECT 1 FROM count_day WHERE audience = :audience AND domain = :domain AND turns > 0 LIMIT 1",
  );

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
      const scopes: LearningScope[] = [];
      let last = { audience: "", domain: "" };
      for (let looked = 1; ; looked += 1) {
        const found = findNext.get(last);
        if (found === undefined) return scopes;
        last = found;
        const { audience, domain } = found;
        const hasTurns = domain !== ALL_DOMAINS && findTurns.get({ audience, domain }) !== undefined;
        if (hasTurns) scopes.push(parseScopeColumns(audience, domain));
        if (looked % SCOPES_AT_ONCE === 0) await letOthers();
      }
    },
  };
}
