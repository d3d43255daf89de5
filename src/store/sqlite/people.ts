import type { PeopleStore } from "#store/people-store.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareAdd, prepareSave, readDocument } from "./table.ts";
import { auditEntryTable, deletionTable, erasedPlaceTable, permissionTable, userChoiceTable } from "./tables.ts";

export function sqlitePeopleStore(sql: Sql): PeopleStore {
  const savePermission = prepareSave(sql, permissionTable);
  const findPermission = sql.prepare<DocumentRow>(
    "SELECT version, document FROM permission WHERE workspace = :workspace",
  );
  const saveChoice = prepareSave(sql, userChoiceTable);
  const findChoice = sql.prepare<DocumentRow>(
    "SELECT version, document FROM user_choice WHERE workspace = :workspace AND user_id = :user",
  );
  const listOptedOut = sql.prepare<DocumentRow>(`
    SELECT version, document FROM user_choice WHERE workspace = :workspace AND learns = 0 ORDER BY user_id`);
  // An audit entry is never changed, whoever writes it again.
  const addAudit = prepareAdd(sql, auditEntryTable);
  const listAudit = sql.prepare<DocumentRow>(
    "SELECT version, document FROM audit_entry ORDER BY at DESC, rowid DESC LIMIT :limit",
  );
  const addDeletion = prepareAdd(sql, deletionTable);
  const listErasedPlaces = sql.prepare<DocumentRow>(
    "SELECT version, document FROM erased_place ORDER BY at, workspace, channel",
  );
  const listDeletions = sql.prepare<DocumentRow>(
    "SELECT version, document FROM deletion ORDER BY at, workspace, user_id",
  );

  return {
    async getPermission(workspaceId) {
      const row = findPermission.get({ workspace: keyText(workspaceId) });
      return row && readDocument(permissionTable, workspaceId, row);
    },
    async putPermission(permission) {
      savePermission(permission);
    },
    async getChoice(workspaceId, userId) {
      const row = findChoice.get({ workspace: keyText(workspaceId), user: keyText(userId) });
      return row && readDocument(userChoiceTable, userId, row);
    },
    async putChoice(choice) {
      saveChoice(choice);
    },
    async listOptedOut(workspaceId) {
      const rows = listOptedOut.all({ workspace: keyText(workspaceId) });
      return rows.map((row) => readDocument(userChoiceTable, "of a workspace", row).userId);
    },
    async appendAudit(entry) {
      addAudit(entry);
    },
    async listAudit(limit) {
      return listAudit.all({ limit }).map((row) => readDocument(auditEntryTable, "of a list", row));
    },
    async recordDeletion(deletion) {
      addDeletion(deletion);
    },
    async listDeletions() {
      return listDeletions.all().map((row) => readDocument(deletionTable, "of a list", row));
    },
    async listErasedPlaces() {
      return listErasedPlaces.all().map((row) => readDocument(erasedPlaceTable, "of a list", row));
    },
  };
}
