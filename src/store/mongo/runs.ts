import type { LearningStore } from "#store/learning-store.ts";
import type { Collections } from "./collections.ts";
import { inScope, keyText } from "./keys.ts";
import { retryWhileRaced } from "./retry.ts";

type Runs = Pick<
  LearningStore,
  "saveDataset" | "findDataset" | "saveRun" | "findRun" | "listRuns" | "appendRunEvent" | "listRunEvents"
>;

export function mongoRuns({ dataset, run: runs, runEvent }: Collections, runEventsMax: number): Runs {
  return {
    saveDataset: (record) => dataset.save(record),
    findDataset: (hash) => dataset.find(keyText(hash)),
    saveRun: (run) => runs.save(run),
    findRun: (id) => runs.find(keyText(id)),
    listRuns: ({ scope, limit }) =>
      runs.list(scope === undefined ? {} : inScope(scope), { sort: { requested_at: -1, key: -1 }, limit }),
    async appendRunEvent(event) {
      const run = keyText(event.runId);
      const numbered = await retryWhileRaced(async () => {
        const [last] = await runEvent.list({ run }, { sort: { sequence: -1 }, limit: 1 });
        const next = { ...event, sequence: (last?.sequence ?? 0) + 1 };
        return (await runEvent.add(next)) ? next : undefined;
      });
      await runEvent.model.deleteMany({ run, sequence: { $lte: numbered.sequence - runEventsMax } });
      return numbered;
    },
    listRunEvents(runId, afterSequence, limit) {
      return runEvent.list({ run: keyText(runId), sequence: { $gt: afterSequence } }, { sort: { sequence: 1 }, limit });
    },
  };
}
