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

  async function findInputs(row: TurnRow): Promise<readonly Turn[]> {
    if (row.inputs.length === 0) return [];
    const found = await turns.list({ _id: { $in: [...row.inputs] } });
    const byId = new Map(found.map((turn) => [keyText(turn.id), turn]));
    return row.inputs.flatMap((id) => byId.get(id) ?? []);
  }

  async function toRatedTurn(row: TurnRow): Promise<RatedTurn> {
    const served = { source: row._id, status: "complete", is_disliked: 0, _id: { $ne: row._id } } as const;
    return {
      turn: turns.read(row as never),
      inputs: await findInputs(row),
      feedback: readFeedback(row),
      servedAgain: await turnRow.countDocuments(served),
    };
  }

  return {
    async pageRatedTurns(query) {
      await settling.settle();
      return Promise.all((await listAfter(query)).map(toRatedTurn));
    },
  };
}
