import type { PlatformStore } from "#store/platform-store.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareAdd, prepareSave, readDocument } from "./table.ts";
import { installationTable, markTable } from "./tables.ts";

export function sqlitePlatforms(sql: Sql): PlatformStore {
  const getCursor = sql.prepare<{ at: number }>("SELECT at FROM cursor WHERE key = :key");
  const putCursor = sql.prepare(
    "INSERT INTO cursor (key, at) VALUES (:key, :at) ON CONFLICT DO UPDATE SET at = excluded.at",
  );
  const addMark = prepareAdd(sql, markTable);
  // The range finds them by the key's order: there can be a mark for every command.
  const clearMarks = sql.prepare(`
    DELETE FROM mark WHERE key >= :prefix AND key < :prefix || char(1114111, 1114111) AND substr(key, 1, length(:prefix)) = :prefix`);
  const save = prepareSave(sql, installationTable);
  const find = sql.prepare<DocumentRow>(
    "SELECT version, document FROM installation WHERE platform = :platform AND workspace = :workspace",
  );
  const list = sql.prepare<DocumentRow>(
    "SELECT version, document FROM installation WHERE platform = :platform ORDER BY workspace",
  );
  const remove = sql.prepare("DELETE FROM installation WHERE platform = :platform AND workspace = :workspace");

  return {
    async getCursor(key) {
      return getCursor.get({ key: keyText(key) })?.at;
    },
    async putCursor(key, at) {
      putCursor.run({ key: keyText(key), at });
    },
    async takeMark(key, atMs) {
      return addMark({ key, atMs });
    },
    async clearMarks(keyPrefix) {
      clearMarks.run({ prefix: keyText(keyPrefix) });
    },
    async saveInstallation(installation) {
      save(installation);
    },
    async findInstallation(platform, workspaceId) {
      const row = find.get({ platform, workspace: keyText(workspaceId) });
      return row && readDocument(installationTable, workspaceId, row);
    },
    async listInstallations(platform) {
      return list.all({ platform }).map((row) => readDocument(installationTable, "of a list", row));
    },
    async removeInstallation(platform, workspaceId) {
      remove.run({ platform, workspace: keyText(workspaceId) });
    },
  };
}
