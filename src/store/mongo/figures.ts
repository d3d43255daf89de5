import type { Collections } from "./collections.ts";
import { ignoreDuplicate } from "./records.ts";

export type Figures = Collections["countDay"] | Collections["countDistinct"];

interface Figure {
  readonly _id: string;
  /** When its values were worked out; undefined when it was not there. */
  readonly rev: number | undefined;
  readonly values: object;
}

/**
 * False when somebody else wrote one of them meanwhile; the others are written. Never deleted: who worked one out when it was not there
 * yet could not tell that it came and went.
 */
export async function writeFigures(figures: Figures, rows: readonly Figure[]): Promise<boolean> {
  const model = figures as Collections["countDay"];
  const updates = rows.flatMap(({ _id, rev, values }) =>
    rev === undefined ? [] : [{ updateOne: { filter: { _id, rev }, update: { $set: values, $inc: { rev: 1 } } } }],
  );
  const fresh = rows.flatMap(({ _id, rev, values }) => (rev === undefined ? [{ ...values, _id, rev: 1 }] : []));
  const written = updates.length === 0 ? 0 : (await model.bulkWrite(updates, { ordered: false })).matchedCount;
  const inserted =
    fresh.length === 0 ? [] : await ignoreDuplicate(model.insertMany(fresh as never, { ordered: false, lean: true }));
  return inserted !== undefined && written === updates.length;
}
