import type { ChatStore } from "#store/chat-store.ts";
import type { Collections } from "./collections.ts";
import { keyText } from "./keys.ts";

export function mongoDeliveries({ delivery }: Collections): Pick<ChatStore, "saveDelivery" | "listDeliveries"> {
  return {
    saveDelivery: (record) => delivery.save(record),
    listDeliveries: (turnId) => delivery.list({ turn: keyText(turnId) }, { sort: { part: 1 } }),
  };
}
