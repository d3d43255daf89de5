import type { Collections, IntentRow } from "./collections.ts";
import { keyOf } from "./keys.ts";
import { nextOrder } from "./records.ts";

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
}

export interface Intent {
  /** After the write. */
  end(): Promise<void>;
  /** Instead of `end` when nothing was written, or when what was affected is up to date already. */
  drop(): Promise<void>;
}

export function mongoIntents({ intent }: Collections, now: () => number): Intents {
  return {
    async begin(affected) {
      const _id = nextOrder();
      const row = { ...affected, at: now() };
      await intent.create({ ...row, _id, is_done: 0 });
      return {
        async end() {
          // Whole again where somebody took the writer for dead and dropped it.
          await intent.updateOne({ _id }, { $set: { ...row, is_done: 1 } }, { upsert: true });
        },
        async drop() {
          await intent.deleteOne({ _id });
        },
      };
    },
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
