import { isDeepStrictEqual } from "node:util";
import { AdapterRefusedError } from "#core/errors.ts";
import type { Adapter } from "#core/learning.ts";
import type { LearningStore } from "#store/learning-store.ts";
import { IN_SCOPE, keyText, scopeColumns } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { adapterTable } from "./tables.ts";

export function sqliteAdapters(sql: Sql): Pick<LearningStore, "saveAdapter" | "findAdapter" | "listAdapters"> {
  const save = prepareSave(sql, adapterTable);
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM adapter WHERE digest = :digest");
  const newest = "ORDER BY created_at DESC, digest DESC";
  const listAll = sql.prepare<DocumentRow>(`SELECT version, document FROM adapter ${newest}`);
  const listOfScope = sql.prepare<DocumentRow>(`SELECT version, document FROM adapter WHERE ${IN_SCOPE} ${newest}`);

  return {
    async saveAdapter(adapter) {
      sql.write(() => {
        const row = find.get({ digest: keyText(adapter.digest) });
        const known = row && readDocument(adapterTable, adapter.digest, row);
        if (known !== undefined && !isDeepStrictEqual(identityOf(known), identityOf(adapter))) {
          throw new AdapterRefusedError(adapter.digest, "its digest is stored with other contents");
        }
        save(adapter);
      });
    },
    async findAdapter(digest) {
      const row = find.get({ digest: keyText(digest) });
      return row && readDocument(adapterTable, digest, row);
    },
    async listAdapters(scope) {
      const rows = scope === undefined ? listAll.all() : listOfScope.all(scopeColumns(scope));
      return rows.map((row) => readDocument(adapterTable, "of a list", row));
    },
  };
}

/** Everything that a digest stands for. */
function identityOf({ state: _, grade: __, ...rest }: Adapter): object {
  return rest;
}
