import { ALL_DOMAINS } from "#core/scope.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { Collections, DayRow } from "./collections.ts";
import { dayOf, readScopeKeys, scopeKeys } from "./keys.ts";
import { rebuildFigures } from "./rebuild.ts";
import type { Settling } from "./settle.ts";

type CountReader = Pick<LearningStore, "readCounts" | "rebuildCounts" | "listScopes">;

export function mongoCountReader(rows: Collections, settling: Settling): CountReader {
  return {
    async readCounts(scope, sinceMs) {
      await settling.settle();
      const days = await rows.countDay.find(scopeKeys(scope)).lean<DayRow[]>();
      const within = days.filter(({ day }) => day >= dayOf(sinceMs));
      const sum = (field: "conversations" | "turns" | "feedback" | "score_sum" | "examples" | "raters", of = within) =>
        of.reduce((total, day) => total + day[field], 0);
      return {
        conversations: sum("conversations"),
        messages: sum("turns") * 2,
        feedback: sum("feedback"),
        scoreSum: sum("score_sum"),
        examples: sum("examples"),
        raters: sum("raters"),
        examplesEver: sum("examples", days),
      };
    },
    async rebuildCounts() {
      await settling.settle();
      await rebuildFigures(rows, settling);
    },
    async listScopes() {
      await settling.settle();
      // A scope has a row for each of its days: only the scopes travel.
      const found = await rows.countDay.aggregate<{ _id: string; domains: string[] }>([
        { $match: { audience: { $gt: "" }, domain: { $ne: ALL_DOMAINS }, turns: { $gt: 0 } } },
        { $group: { _id: "$audience", domains: { $addToSet: "$domain" } } },
        { $sort: { _id: 1 } },
      ]);
      return found.flatMap(({ _id, domains }) => domains.toSorted().map((domain) => readScopeKeys(_id, domain)));
    },
  };
}
