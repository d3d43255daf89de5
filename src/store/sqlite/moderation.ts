import type { ModerationStore } from "#store/moderation-store.ts";
import { reportWithoutReason } from "#store/without-words.ts";
import { keyText } from "./columns.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { reportTable } from "./tables.ts";

export function sqliteModeration(sql: Sql, erased: ErasedLookup): ModerationStore {
  const save = prepareSave(sql, reportTable);
  const list = sql.prepare<DocumentRow>(`
    SELECT version, document FROM report WHERE workspace = :workspace AND is_closed = :isClosed
    ORDER BY at DESC, turn_id DESC, reported_by DESC LIMIT :limit`);

  return {
    async saveReport(report) {
      sql.write(() => save(erased.isReasonErased(report) ? reportWithoutReason(report) : report));
    },
    async listReports({ workspaceId, isClosed = false, limit }) {
      const rows = list.all({ workspace: keyText(workspaceId), isClosed: isClosed ? 1 : 0, limit });
      return rows.map((row) => readDocument(reportTable, "of a list", row));
    },
  };
}
