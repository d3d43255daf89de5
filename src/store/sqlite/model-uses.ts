import type { ModelStore } from "#store/model-store.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { modelUseTable } from "./tables.ts";

export function sqliteModelStore(sql: Sql): ModelStore {
  const save = prepareSave(sql, modelUseTable);
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM model_use WHERE digest = :digest");
  const list = sql.prepare<DocumentRow>("SELECT version, document FROM model_use ORDER BY last_used_at DESC, digest");

  return {
    async saveUse(use) {
      sql.write(() => {
        const row = find.get({ digest: keyText(use.modelDigest) });
        const before = row && readDocument(modelUseTable, use.modelName, row);
        save({
          modelDigest: use.modelDigest,
          modelName: use.modelName,
          lastUsedAtMs: Math.max(before?.lastUsedAtMs ?? use.atMs, use.atMs),
          requests: (before?.requests ?? 0) + 1,
          errors: (before?.errors ?? 0) + (use.failed ? 1 : 0),
          totalMs: (before?.totalMs ?? 0) + use.totalMs,
          replyTokens: (before?.replyTokens ?? 0) + use.replyTokens,
        });
      });
    },
    async queryUse() {
      return list.all().map((row) => readDocument(modelUseTable, "of a list", row));
    },
  };
}
