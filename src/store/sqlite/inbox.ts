import type { InboxEvent } from "#core/inbox.ts";
import type { ChatStore, EventClaim } from "#store/chat-store.ts";
import { receivedEvent } from "#store/received-event.ts";
import { eventWithoutWords } from "#store/without-words.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareAdd, prepareSave, readDocument } from "./table.ts";
import { inboxEventTable } from "./tables.ts";

type Inbox = Pick<ChatStore, "acceptEvent" | "claimEvent" | "finishEvent" | "renewEvent" | "pruneEvents">;

interface DueRow extends DocumentRow {
  readonly received_at: number;
  readonly rowid: number;
}

export function sqliteInbox(sql: Sql, finish: (id: string) => void): Inbox {
  const add = prepareAdd(sql, inboxEventTable);
  const save = prepareSave(sql, inboxEventTable);
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM inbox_event WHERE id = :id");
  const due = "state <> 'done' AND (state = 'received' OR lease_until <= :nowMs)";
  const findDue = sql.prepare<DocumentRow>(`SELECT version, document FROM inbox_event WHERE id = :id AND ${due}`);
  const findOldest = sql.prepare<DocumentRow>(
    `SELECT version, document FROM inbox_event WHERE ${due} ORDER BY received_at, rowid LIMIT 1`,
  );
  // One platform at a time: what waits for a platform that is off is not walked through at every look.
  const findOldestOf = sql.prepare<DueRow>(`
    SELECT version, document, received_at, rowid FROM inbox_event WHERE platform = :platform AND ${due}
    ORDER BY received_at, rowid LIMIT 1`);
  const prune = sql.prepare(`
    DELETE FROM inbox_event WHERE rowid IN (SELECT rowid FROM inbox_event WHERE state = 'done' AND received_at < :before
      ORDER BY received_at LIMIT :limit)`);
  const read = (id: string, row: DocumentRow | undefined) => row && readDocument(inboxEventTable, id, row);

  function findDueEvent({ eventId, platforms, nowMs }: EventClaim): InboxEvent | undefined {
    if (eventId !== undefined) {
      const event = read(eventId, findDue.get({ id: keyText(eventId), nowMs }));
      return event === undefined || (platforms?.includes(event.message.platform) ?? true) ? event : undefined;
    }
    if (platforms === undefined) return read("that is due", findOldest.get({ nowMs }));
    const oldest = platforms.flatMap((platform) => findOldestOf.get({ platform, nowMs }) ?? []);
    const [first] = oldest.sort((a, b) => a.received_at - b.received_at || a.rowid - b.rowid);
    return read("that is due", first);
  }

  return {
    async acceptEvent(id, message, nowMs, claim) {
      const accept = () => add(receivedEvent(id, message, nowMs, claim));
      return claim?.isReadAgain === true ? sql.unawaited(accept) : accept();
    },
    async claimEvent(claim) {
      const { claimedBy, nowMs, leaseMs } = claim;
      return sql.write(() => {
        const event = findDueEvent(claim);
        if (event === undefined) return undefined;
        const attempts = event.attempts + 1;
        const claimed = { ...event, state: "claimed", attempts, claimedBy, leaseUntilMs: nowMs + leaseMs } as const;
        save(claimed);
        return claimed;
      });
    },
    async finishEvent(id) {
      sql.write(() => finish(id));
    },
    async renewEvent(id, claimedBy, leaseUntilMs) {
      return sql.write(() => {
        const event = read(id, find.get({ id: keyText(id) }));
        if (event?.state !== "claimed" || event.claimedBy !== claimedBy) return false;
        save({ ...event, leaseUntilMs });
        return true;
      });
    },
    async pruneEvents(beforeMs, limit) {
      return prune.run({ before: beforeMs, limit });
    },
  };
}

/** Ends an event, inside a write. Its words live on in the turn, where they can be erased. */
export function prepareFinishEvent(sql: Sql): (id: string) => void {
  const find = sql.prepare<DocumentRow>("SELECT version, document FROM inbox_event WHERE id = :id");
  const end = sql.prepare(`
    UPDATE inbox_event SET state = 'done', lease_until = 0, version = :version, document = :document WHERE id = :id`);

  return (id) => {
    const row = find.get({ id: keyText(id) });
    if (row === undefined) return;
    const { version, encode } = inboxEventTable.record;
    const document = encode(eventWithoutWords(readDocument(inboxEventTable, id, row)));
    end.run({ id: keyText(id), version, document });
  };
}
