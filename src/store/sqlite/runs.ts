import type { LearningStore } from "#store/learning-store.ts";
import { IN_SCOPE, keyText, scopeColumns } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { datasetTable, runEventTable, runTable } from "./tables.ts";

type Runs = Pick<
  LearningStore,
  "saveDataset" | "findDataset" | "saveRun" | "findRun" | "listRuns" | "appendRunEvent" | "listRunEvents"
>;

export function sqliteRuns(sql: Sql, runEventsMax: number): Runs {
  const saveDataset = prepareSave(sql, datasetTable);
  const findDataset = sql.prepare<DocumentRow>("SELECT version, document FROM dataset WHERE hash = :hash");
  const saveRun = prepareSave(sql, runTable);
  const findRun = sql.prepare<DocumentRow>("SELECT version, document FROM run WHERE id = :id");
  const newest = "ORDER BY requested_at DESC, id DESC LIMIT :limit";
  const listAll = sql.prepare<DocumentRow>(`SELECT version, document FROM run ${newest}`);
  const listOfScope = sql.prepare<DocumentRow>(`SELECT version, document FROM run WHERE ${IN_SCOPE} ${newest}`);
  const saveEvent = prepareSave(sql, runEventTable);
  const findLast = sql.prepare<{ last: number | null }>(
    "SELECT max(sequence) AS last FROM run_event WHERE run_id = :run",
  );
  const dropEvents = sql.prepare("DELETE FROM run_event WHERE run_id = :run AND sequence <= :until");
  const listEvents = sql.prepare<DocumentRow>(`
    SELECT version, document FROM run_event WHERE run_id = :run AND sequence > :after ORDER BY sequence LIMIT :limit`);

  return {
    async saveDataset(dataset) {
      saveDataset(dataset);
    },
    async findDataset(hash) {
      const row = findDataset.get({ hash: keyText(hash) });
      return row && readDocument(datasetTable, hash, row);
    },
    async saveRun(run) {
      saveRun(run);
    },
    async findRun(id) {
      const row = findRun.get({ id: keyText(id) });
      return row && readDocument(runTable, id, row);
    },
    async listRuns({ scope, limit }) {
      const rows = scope === undefined ? listAll.all({ limit }) : listOfScope.all({ ...scopeColumns(scope), limit });
      return rows.map((row) => readDocument(runTable, "of a list", row));
    },
    async appendRunEvent(event) {
      const run = keyText(event.runId);
      return sql.write(() => {
        const numbered = { ...event, sequence: (findLast.get({ run })?.last ?? 0) + 1 };
        saveEvent(numbered);
        dropEvents.run({ run, until: numbered.sequence - runEventsMax });
        return numbered;
      });
    },
    async listRunEvents(runId, afterSequence, limit) {
      const rows = listEvents.all({ run: keyText(runId), after: afterSequence, limit });
      return rows.map((row) => readDocument(runEventTable, runId, row));
    },
  };
}
