import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";

/**
 * Which other turns hold words of a turn: those with it in their prompt (as history or as an example), and those that repeat it
 * (served from the cache, regenerated). What was said two prompts later is not followed: one forgotten person would empty a channel.
 */
export interface TurnsHoldingWords {
  /** Adds them and then the turn itself; without the turn, and false, when `limit` was reached before. By key columns. */
  collect(turn: string, into: Set<string>, limit: number): boolean;
  /** Adds those that were shown the turn's taught answer; false when `limit` was reached. */
  collectTaught(turn: string, into: Set<string>, limit: number): boolean;
}

export function turnsHoldingWordsOf(sql: Sql): TurnsHoldingWords {
  const listRepeated = sql.prepare<{ id: string }>(`
    SELECT id FROM turn WHERE source_turn_id = :id AND is_erased = 0 AND id <> :id
    UNION SELECT id FROM turn WHERE regeneration_of = :id AND is_erased = 0 AND id <> :id`);
  const listShown = sql.prepare<{ id: string }>(`
    SELECT turn_id AS id FROM turn_example JOIN turn ON turn.id = turn_id WHERE example_id = :id AND is_erased = 0`);
  const findPlace = sql.prepare<{ conversation_id: string; asker: string }>(
    "SELECT conversation_id, asker FROM turn WHERE id = :id",
  );
  // The same person's other turns go anyway.
  const listLater = sql.prepare<{ id: string; inputs: string }>(`
    SELECT id, document -> '$.inputTurnIds' AS inputs FROM turn
    WHERE conversation_id = :conversation AND is_erased = 0 AND asker <> :asker`);

  function listHistoryOf(id: string): readonly string[] {
    const place = findPlace.get({ id });
    if (place === undefined) return [];
    const later = listLater.all({ conversation: place.conversation_id, asker: place.asker });
    return later.filter(({ inputs }) => readIds(inputs).includes(id)).map((row) => row.id);
  }

  /** The last of a chain of repeats goes in first: however long the chain is, something always fits. */
  function collectRepeated(id: string, into: Set<string>, limit: number, visiting: Set<string>): boolean {
    if (into.has(id) || visiting.has(id)) return true;
    visiting.add(id);
    const isWhole = listRepeated.all({ id }).every((row) => collectRepeated(row.id, into, limit, visiting));
    if (!isWhole || into.size >= limit) return false;
    into.add(id);
    return true;
  }

  function collectAll(ids: readonly string[], into: Set<string>, limit: number): boolean {
    const visiting = new Set<string>();
    return ids.every((id) => collectRepeated(id, into, limit, visiting));
  }

  return {
    collect(turn, into, limit) {
      const shown = listShown.all({ id: turn }).map(({ id }) => id);
      if (!collectAll([...listHistoryOf(turn), ...shown], into, limit)) return false;
      return collectAll([turn], into, limit);
    },
    collectTaught(turn, into, limit) {
      const shown = listShown.all({ id: turn }).map(({ id }) => id);
      return collectAll(shown, into, limit);
    },
  };
}

function readIds(inputs: string): readonly string[] {
  const ids = JSON.parse(inputs) as readonly string[];
  return ids.map(keyText);
}
