import type { InboxEvent } from "#core/inbox.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { receivedEvent } from "#store/received-event.ts";
import { eventWithoutWords } from "#store/without-words.ts";
import type { Collections } from "./collections.ts";
import { keyText } from "./keys.ts";
import { recent } from "./recent.ts";
import { nativeOf, type Row } from "./records.ts";

type Inbox = Pick<ChatStore, "acceptEvent" | "claimEvent" | "finishEvent" | "renewEvent" | "pruneEvents">;

/** Accepted here, and not ended yet. */
const RECENT_EVENTS_MAX = 256;
const PLATFORMS = ["local", "discord", "slack"] as const;

export function mongoInbox(rows: Collections): Inbox {
  const { inboxEvent: events } = rows;
  /** Their words do not change: who accepted them need not read them to end them. */
  const accepted = recent<InboxEvent>(RECENT_EVENTS_MAX);

  return {
    async acceptEvent(id, message, nowMs, claim) {
      const event = receivedEvent(id, message, nowMs, claim);
      const isNew = await events.add(event);
      if (isNew) accepted.put(keyText(id), event);
      return isNew;
    },
    async claimEvent({ eventId, platforms = PLATFORMS, claimedBy, nowMs, leaseMs }) {
      const which = eventId === undefined ? {} : { _id: keyText(eventId) };
      const filter = { ...which, platform: { $in: [...platforms] }, open: 1, due_at: { $lte: nowMs } };
      const claim = { state: "claimed", claimed_by: keyText(claimedBy), due_at: nowMs + leaseMs };
      const row = await events.model
        .findOneAndUpdate(filter, { $set: claim, $inc: { attempts: 1 } }, { returnDocument: "after" })
        .sort({ received_at: 1, order: 1 })
        .lean<Row>();
      return row === null ? undefined : events.read(row);
    },
    async finishEvent(id) {
      const key = keyText(id);
      const event = accepted.get(key);
      if (event === undefined) await finishEvents(rows, { _id: key });
      else await writeDone(rows, event);
      accepted.drop(key);
    },
    async renewEvent(id, claimedBy, leaseUntilMs) {
      const held = { _id: keyText(id), state: "claimed", claimed_by: keyText(claimedBy) };
      return (await events.model.updateOne(held, { $set: { due_at: leaseUntilMs } })).matchedCount > 0;
    },
    async pruneEvents(beforeMs, limit) {
      if (limit <= 0) return 0;
      const old = await events.model
        .find({ open: 0, received_at: { $lt: beforeMs } }, { _id: 1 })
        .sort({ received_at: 1 })
        .limit(limit)
        .lean<Pick<Row, "_id">[]>();
      if (old.length === 0) return 0;
      return (await events.model.deleteMany({ _id: { $in: old.map(({ _id }) => _id) }, open: 0 })).deletedCount;
    },
  };
}

/** Done, without words, whoever had claimed them: the words live on in the turn, where they can be erased. */
export async function finishEvents(rows: Collections, filter: object): Promise<void> {
  const { inboxEvent: events } = rows;
  for (const row of await events.model.find(filter).lean<Row[]>()) await writeDone(rows, events.read(row));
}

async function writeDone({ inboxEvent: events }: Collections, event: InboxEvent): Promise<void> {
  const { _id, document, state, open, due_at, claimed_by } = events.rowOf(eventWithoutWords(event));
  await nativeOf<Row>(events.model).updateOne({ _id }, { $set: { document, state, open, due_at, claimed_by } });
}
