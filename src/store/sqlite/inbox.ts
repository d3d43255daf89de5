import type { ChatStore } from "#store/chat-store.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareAdd, prepareSave, readDocument } from "./table.ts";
import { inboxEventTable } from "./tables.ts";

type Inbox = Pick<ChatStore, "acceptEvent" | "claimEvent" | "finishEvent" | "renewEvent">;

export function sqliteInbox(sql: Sql): Inbox {
  const add = prepareAdd(sql, inboxEventTable);
  const save = prepareSave(sql, inboxEventTable);
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM inbox_event WHERE id = :id");
  const due = "state <> 'done' AND (state = 'received' OR lease_until <= :nowMs)";
  const findDue = sql.prepare<DocumentRow>(`SELECT version, document FROM inbox_event WHERE id = :id AND ${due}`);
  const findOldest = sql.prepare<DocumentRow>(
    `SELECT version, document FROM inbox_event WHERE ${due} ORDER BY received_at, rowid LIMIT 1`,
  );
  const read = (id: string, row: DocumentRow | undefined) => row && readDocument(inboxEventTable, id, row);

  return {
    async acceptEvent(id, message, nowMs) {
      return add({ id, message, state: "received", attempts: 0, receivedAtMs: nowMs });
    },
    async claimEvent({ eventId, claimedBy, nowMs, leaseMs }) {
      return sql.write(() => {
        const row = eventId === undefined ? findOldest.get({ nowMs }) : findDue.get({ id: keyText(eventId), nowMs });
        const event = read(eventId ?? "that is due", row);
        if (event === undefined) return undefined;
        const attempts = event.attempts + 1;
        const claimed = { ...event, state: "claimed", attempts, claimedBy, leaseUntilMs: nowMs + leaseMs } as const;
        save(claimed);
        return claimed;
      });
    },
    async finishEvent(id) {
      sql.write(() => {
        const event = read(id, find.get({ id: keyText(id) }));
        if (event === undefined) return;
        const { claimedBy: _, leaseUntilMs: __, ...rest } = event;
        // The id stays, so that a late delivery is known; the words live on in the turn, where they can be erased.
        save({ ...rest, state: "done", message: { ...event.message, text: "" } });
      });
    },
    async renewEvent(id, leaseUntilMs) {
      sql.write(() => {
        const event = read(id, find.get({ id: keyText(id) }));
        if (event?.state === "claimed") save({ ...event, leaseUntilMs });
      });
    },
  };
}
