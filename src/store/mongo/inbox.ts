import type { ChatStore } from "#store/chat-store.ts";
import { receivedEvent } from "#store/received-event.ts";
import { eventWithoutWords } from "#store/without-words.ts";
import type { Collections } from "./collections.ts";
import { keyText } from "./keys.ts";
import type { Row } from "./records.ts";

type Inbox = Pick<ChatStore, "acceptEvent" | "claimEvent" | "finishEvent" | "renewEvent" | "pruneEvents">;

const PLATFORMS = ["local", "discord", "slack"] as const;

export function mongoInbox(rows: Collections): Inbox {
  const { inboxEvent: events } = rows;

  return {
    acceptEvent(id, message, nowMs, claim) {
      return events.add(receivedEvent(id, message, nowMs, claim));
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
      await finishEvents(rows, { _id: keyText(id) });
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
export async function finishEvents({ inboxEvent: events }: Collections, filter: object): Promise<void> {
  for (const row of await events.model.find(filter).lean<Row[]>()) {
    const done = events.rowOf(eventWithoutWords(events.read(row)));
    const { document, state, open, due_at, claimed_by } = done;
    await events.model.updateOne({ _id: row._id }, { $set: { document, state, open, due_at, claimed_by } });
  }
}
