import type { Collections, TurnRow } from "./collections.ts";
import { holds } from "./records.ts";

/**
 * Which other turns hold words of a turn: those with it in their prompt (as history or as an example), and those that repeat it
 * (served from the cache, regenerated). What was said two prompts later is not followed: one forgotten person would empty a channel.
 */
export interface TurnsHoldingWords {
  /** Adds them and then the turn itself; without the turn, and false, when `limit` was reached before. */
  collect(turn: string, into: Set<string>, limit: number): Promise<boolean>;
  /** Adds those that were shown the turn's taught answer; false when `limit` was reached. */
  collectTaught(turn: string, into: Set<string>, limit: number): Promise<boolean>;
}

export function turnsHoldingWordsOf({ turnRow }: Collections): TurnsHoldingWords {
  async function listIds(filter: object): Promise<readonly string[]> {
    const found = await turnRow.find({ ...filter, is_erased: 0 } as object, { _id: 1 }).lean<Pick<TurnRow, "_id">[]>();
    return found.map(({ _id }) => _id);
  }

  /** The same person's other turns go anyway. */
  async function listHistoryOf(_id: string): Promise<readonly string[]> {
    const turn = await turnRow
      .findOne({ _id }, { conversation: 1, asker: 1 })
      .lean<Pick<TurnRow, "conversation" | "asker">>();
    if (turn === null) return [];
    return listIds({ conversation: turn.conversation, asker: { $ne: turn.asker }, inputs: holds(_id) });
  }

  const listShown = (example: string) => listIds({ examples: holds(example) });

  async function listRepeated(id: string): Promise<readonly string[]> {
    const [served, again] = await Promise.all([listIds({ source: id }), listIds({ regeneration_of: id })]);
    return [...new Set([...served, ...again])].filter((other) => other !== id).sort();
  }

  /** The last of a chain of repeats goes in first: however long the chain is, something always fits. */
  async function collectRepeated(
    id: string,
    into: Set<string>,
    limit: number,
    visiting: Set<string>,
  ): Promise<boolean> {
    if (into.has(id) || visiting.has(id)) return true;
    visiting.add(id);
    for (const other of await listRepeated(id)) {
      if (!(await collectRepeated(other, into, limit, visiting))) return false;
    }
    if (into.size >= limit) return false;
    into.add(id);
    return true;
  }

  async function collectAll(ids: readonly string[], into: Set<string>, limit: number): Promise<boolean> {
    const visiting = new Set<string>();
    for (const id of ids) if (!(await collectRepeated(id, into, limit, visiting))) return false;
    return true;
  }

  return {
    async collect(turn, into, limit) {
      if (!(await collectAll([...(await listHistoryOf(turn)), ...(await listShown(turn))], into, limit))) return false;
      return collectAll([turn], into, limit);
    },
    async collectTaught(turn, into, limit) {
      return collectAll(await listShown(turn), into, limit);
    },
  };
}
