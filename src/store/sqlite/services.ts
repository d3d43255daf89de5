import type { LearningStore } from "#store/learning-store.ts";
import { scopeColumns } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { serviceTable } from "./tables.ts";

type Services = Pick<LearningStore, "getService" | "listServices" | "compareAndSetService">;

export function sqliteServices(sql: Sql): Services {
  const save = prepareSave(sql, serviceTable);
  const find = sql.prepare<DocumentRow & { readonly epoch: number }>(
    "SELECT epoch, version, document FROM service WHERE audience = :audience AND domain = :domain",
  );
  const list = sql.prepare<DocumentRow>("SELECT version, document FROM service ORDER BY audience, domain");

  return {
    async getService(scope) {
      const row = find.get(scopeColumns(scope));
      return row && readDocument(serviceTable, scope.domain, row);
    },
    async listServices() {
      return list.all().map((row) => readDocument(serviceTable, "of a list", row));
    },
    async compareAndSetService(next, expectedEpoch) {
      return sql.write(() => {
        if ((find.get(scopeColumns(next.scope))?.epoch ?? 0) !== expectedEpoch) return false;
        save(next);
        return true;
      });
    },
  };
}
