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
      const days = await rows.countDay
        .find({ domain: { $ne: ALL_DOMAINS }, turns: { $gt: 0 } }, { audience: 1, domain: 1 })
        .sort({ audience: 1, domain: 1 })
        .lean<Pick<DayRow, "audience" | "domain">[]>();
      const scopes = new Map(
        days.map(({ audience, domain }) => [JSON.stringify([audience, domain]), { audience, domain }]),
      );
      return Array.from(scopes.values(), ({ audience, domain }) => readScopeKeys(audience, domain));
    },
  };
}
