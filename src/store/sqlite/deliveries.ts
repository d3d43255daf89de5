import type { Delivery } from "#core/inbox.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, readDocument } from "./table.ts";
import { deliveryTable } from "./tables.ts";

export function sqliteDeliveries(
  sql: Sql,
  save: (delivery: Delivery) => void,
): Pick<ChatStore, "saveDelivery" | "listDeliveries"> {
  const list = sql.prepare<DocumentRow>("SELECT version, document FROM delivery WHERE turn_id = :turn ORDER BY part");

  return {
    async saveDelivery(delivery) {
      save(delivery);
    },
    async listDeliveries(turnId) {
      return list.all({ turn: keyText(turnId) }).map((row) => readDocument(deliveryTable, turnId, row));
    },
  };
}
