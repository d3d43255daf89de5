import type { Collections, TurnRow } from "./collections.ts";

const POINTING_AT_ONCE = 50;

/** Whether there is anything to learn from these turns, worked out anew: by their own feedback, replies served again elsewhere and not disliked there, and answers given anew. False when somebody else rated one meanwhile. */
export async function rateTurns({ turnRow }: Collections, ids: readonly string[]): Promise<boolean> {
  if (ids.length === 0) return true;
  const turns = await turnRow
    .find({ _id: { $in: [...ids] } }, { has_feedback: 1, regeneration_of: 1, rated_rev: 1 })
    .lean<Pick<TurnRow, "_id" | "has_feedback" | "regeneration_of" | "rated_rev">[]>();
  const isRated = new Set<string>();
  const others: string[] = [];
  for (const { _id, has_feedback, regeneration_of } of turns) {
    if (has_feedback === 1 || regeneration_of !== null) isRated.add(_id);
    else others.push(_id);
  }
  const shared = await findPointedAt(turnRow, others, "source", { is_disliked: 0 });
  const again = await findPointedAt(turnRow, others, "regeneration_of", {});
  const updates = turns.map(({ _id, rated_rev }) => ({
    updateOne: {
      filter: { _id, rated_rev },
      update: {
        $set: { is_rated: isRated.has(_id) || shared.has(_id) || again.has(_id) ? 1 : 0 },
        $inc: { rated_rev: 1 },
      },
    },
  }));
  if (updates.length === 0) return true;
  return (await turnRow.bulkWrite(updates as never, { ordered: false })).matchedCount === updates.length;
}

/** Which of these a complete turn names. Popular answers are named by many: each page finds at least one of them, or they are asked for singly. */
async function findPointedAt(
  turnRow: Collections["turnRow"],
  ids: readonly string[],
  field: "source" | "regeneration_of",
  filter: object,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let left = [...ids]; left.length > 0; left = left.filter((id) => !found.has(id))) {
    const pointing = await turnRow
      .find({ [field]: { $in: left }, status: "complete", ...filter }, { [field]: 1 })
      .limit(POINTING_AT_ONCE)
      .lean<{ readonly _id: string; readonly [field: string]: unknown }[]>();
    const before = found.size;
    for (const turn of pointing) if (turn[field] !== turn._id) found.add(String(turn[field]));
    if (pointing.length < POINTING_AT_ONCE) return found;
    if (found.size > before) continue;
    for (const id of left) {
      const other: object = { [field]: id, status: "complete", _id: { $ne: id }, ...filter };
      if ((await turnRow.exists(other)) !== null) found.add(id);
    }
    return found;
  }
  return found;
}
