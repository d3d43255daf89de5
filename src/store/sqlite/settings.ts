import type { SettingStore } from "#store/setting-store.ts";
import { keyText, optionalKey } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { settingTable } from "./tables.ts";

export function sqliteSettings(sql: Sql): SettingStore {
  const save = prepareSave(sql, settingTable);
  const list = sql.prepare<DocumentRow>("SELECT version, document FROM setting ORDER BY workspace, channel, key");
  const remove = sql.prepare("DELETE FROM setting WHERE workspace = :workspace AND channel = :channel AND key = :key");
  const readRevision = sql.prepare<{ revision: number }>("SELECT revision FROM setting_revision");
  const raise = prepareRaiseRevision(sql);

  return {
    async listSettings() {
      return list.all().map((row) => readDocument(settingTable, "of a list", row));
    },
    async settingsRevision() {
      return readRevision.get()?.revision ?? 0;
    },
    async putSetting(setting) {
      sql.write(() => {
        save(setting);
        raise();
      });
    },
    async removeSetting({ workspaceId, channelId, key }) {
      return sql.write(() => {
        const place = { workspace: keyText(workspaceId), channel: optionalKey(channelId) };
        const isRemoved = remove.run({ ...place, key: keyText(key) }) > 0;
        if (isRemoved) raise();
        return isRemoved;
      });
    },
  };
}

/** To be called in every write that changes a setting. */
export function prepareRaiseRevision(sql: Sql): () => void {
  const raise = sql.prepare("UPDATE setting_revision SET revision = revision + 1");
  return () => {
    raise.run();
  };
}
