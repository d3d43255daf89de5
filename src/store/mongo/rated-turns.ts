import type { Turn } from "#core/turn.ts";
import type { LearningStore, RatedTurn, RatedTurnsQuery } from "#store/learning-store.ts";
import type { Collections, TurnRow } from "./collections.ts";
import { inScope, keyText } from "./keys.ts";
import type { Settling } from "./settle.ts";
import { readFeedback } from "./turn-writer.ts";

export function mongoRatedTurns(rows: Collections, settling: Settling): Pick<LearningStore, "pageRatedTurns"> {
  const { turnRow, turn: turns } = rows;

  /** In two steps, within the moment of the last turn and beyond it: `$or` would sort in memory. */
  async function listAfter({ scope, sinceMs, after, limit, isNewestFirst = false }: RatedTurnsQuery) {
    const rated = { ...inScope(scope), is_rated: 1, status: "complete" };
    const since = Math.ceil(sinceMs);
    const direction = isNewestFirst ? -1 : 1;
    const list = (filter: object, rest: number) =>
      turnRow
        .find({ ...rated, ...filter } as object)
        .sort({ asked_at: direction, key: direction })
        .limit(rest)
        .lean<TurnRow[]>();
    if (limit <= 0) return [];
    if (after === undefined) return list({ asked_at: { $gte: since } }, limit);

    const _id = keyText(after);
    const last = await turnRow.findOne({ _id }, { asked_at: 1 }).lean<Pick<TurnRow, "asked_at">>();
    if (last === null) throw new RangeError(`Cannot page rated turns after "${after}": it is not stored`);
    const at = last.asked_at;
    const same =
      at < since ? [] : await list({ asked_at: at, key: isNewestFirst ? { $lt: _id } : { $gt: _id } }, limit);
    if (same.length === limit) return same;
    const beyond = isNewestFirst ? { $gte: since, $lt: at } : at < since ? { $gte: since } : { $gt: at };
    return [...same, ...(await list({ asked_at: beyond }, limit - same.length))];
  }

  /** Of a whole page at once. */
  async function findInputs(page: readonly TurnRow[]): Promise<ReadonlyMap<string, Turn>> {
    const ids = [...new Set(page.flatMap(({ inputs }) => inputs))];
    const found = ids.length === 0 ? [] : await turns.list({ _id: { $in: ids } });
    return new Map(found.map((turn) => [keyText(turn.id), turn]));
  }

  async function countServed(page: readonly TurnRow[]): Promise<ReadonlyMap<string, number>> {
    if (page.length === 0) return new Map();
    const counts = await turnRow.aggregate<{ _id: string; served: number }>([
      { $match: { source: { $in: page.map(({ _id }) => _id) }, status: "complete", is_disliked: 0 } },
      { $group: { _id: "$source", served: { $sum: 1 } } },
    ]);
    return new Map(counts.map(({ _id, served }) => [_id, served]));
  }

  /** A turn that names itself as its source was served to nobody. */
  const countsItself = (row: TurnRow) => row.source === row._id && row.is_disliked === 0;

  return {
    async pageRatedTurns(query) {
      await settling.settle();
      const page = await listAfter(query);
      const [inputs, served] = await Promise.all([findInputs(page), countServed(page)]);
      return page.map((row): RatedTurn => {
        return {
          turn: turns.read(row as never),
          inputs: row.inputs.flatMap((id) => inputs.get(id) ?? []),
          feedback: readFeedback(row),
          servedAgain: (served.get(row._id) ?? 0) - (countsItself(row) ? 1 : 0),
        };
      });
    },
  };
}
