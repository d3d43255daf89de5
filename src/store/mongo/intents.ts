import type { Collections, IntentRow } from "./collections.ts";
import { keyOf } from "./keys.ts";
import { nativeOf, nextOrder } from "./records.ts";

/** What a write puts out of date. */
export type Affected = Omit<IntentRow, "_id" | "at" | "is_done">;

/**
 * Figures that follow from several records cannot change together with them: there are no transactions here. So whoever changes a
 * record first writes down what will be out of date, then writes, then marks the note done. `settle` works the noted figures out anew
 * from the records, as often as it likes, and drops notes that are done. A kill leaves a note that is never done: it counts as done
 * after a while, so that whatever was written is seen.
 */
export interface Intents {
  begin(affected: Affected): Promise<Intent>;
  /** Stores the ends that are not stored yet. Rejects when it cannot: they are kept for the next time. */
  storeEnds(): Promise<void>;
}

export interface Intent {
  /** After the write. Stored a little later, together with others: until then the note counts as not ended, and is worked out once more. */
  end(): void;
  /** Instead of `end` when nothing was written, or when what was affected is up to date already. */
  drop(): Promise<void>;
}

/** Long before anybody takes the writer for dead. */
const ENDS_STORED_MS = 2000;

export function mongoIntents({ intent }: Collections, now: () => number): Intents {
  const notes = nativeOf<IntentRow>(intent);
  const ended = new Map<string, Omit<IntentRow, "_id" | "is_done">>();
  let timer: NodeJS.Timeout | undefined;
  let storing: Promise<void> = Promise.resolve();

  async function store(): Promise<void> {
    const rows = [...ended];
    if (rows.length === 0) return;
    ended.clear();
    try {
      // Whole again where somebody took the writer for dead and dropped it.
      const updates = rows.map(([_id, row]) => ({
        updateOne: { filter: { _id }, update: { $set: { ...row, is_done: 1 } }, upsert: true },
      }));
      await notes.bulkWrite(updates, { ordered: false });
    } catch (error) {
      for (const [_id, row] of rows) ended.set(_id, row);
      throw error;
    }
  }

  function storeEnds(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const before = storing;
    const mine = before.then(store);
    storing = mine.catch(storeLater);
    return mine;
  }

  function storeLater(): void {
    if (ended.size === 0) return;
    timer ??= setTimeout(() => void storeEnds().catch(() => {}), ENDS_STORED_MS).unref();
  }

  return {
    async begin(affected) {
      const _id = nextOrder();
      const row = { ...affected, at: now() };
      await notes.insertOne({ ...row, _id, is_done: 0 });
      return {
        end() {
          ended.set(_id, row);
          storeLater();
        },
        async drop() {
          ended.delete(_id);
          await storing;
          await notes.deleteOne({ _id });
        },
      };
    },
    storeEnds,
  };
}

export function affectsNothing({ days, distinct, rated, fresh, settings }: Affected): boolean {
  return days.length + distinct.length + rated.length + fresh.length + settings === 0;
}

export const NOTHING: Affected = { days: [], distinct: [], rated: [], fresh: [], settings: 0 };

export function dayKey(audience: string, domain: string, day: number): string {
  return keyOf(audience, domain, day);
}

export function distinctKey(kind: "conversation" | "rater", audience: string, domain: string, key: string): string {
  return keyOf(kind, audience, domain, key);
}
