import type { Report } from "#core/report.ts";
import type { Turn } from "#core/turn.ts";
import { keyText, keyTextOrNull, optionalKey } from "./columns.ts";
import type { Sql } from "./sql.ts";

/** What was erased, asked before every save of words: whoever still holds them in memory must not write them again. */
export interface ErasedLookup {
  /** Whether a turn's words may not be stored (any more): it was erased, or its person or place was after it was asked. */
  isTurnErased(turn: Turn): boolean;
  /** Whether this person was erased at or after the moment. */
  isPersonErased(workspaceId: string, userId: string, atMs: number): boolean;
  isReasonErased(report: Report): boolean;
}

export function sqliteErasedLookup(sql: Sql): ErasedLookup {
  const findTurn = sql.prepare<{ is_erased: number }>("SELECT is_erased FROM turn WHERE id = :id");
  const findCopied = sql.prepare<object>(
    "SELECT 1 FROM turn WHERE id IN (:source, :regenerated) AND is_erased = 1 LIMIT 1",
  );
  const findPerson = sql.prepare<object>(
    "SELECT 1 FROM deletion WHERE workspace = :workspace AND user_id = :user AND at >= :at LIMIT 1",
  );
  const findPlace = sql.prepare<object>(`
    SELECT 1 FROM erased_place WHERE workspace = :workspace AND channel IN (:channel, 'null') AND at >= :at LIMIT 1`);

  function isPersonErased(workspaceId: string, userId: string, at: number): boolean {
    return findPerson.get({ workspace: keyText(workspaceId), user: keyText(userId), at }) !== undefined;
  }

  return {
    isPersonErased,
    isTurnErased(turn) {
      const stored = findTurn.get({ id: keyText(turn.id) });
      if (stored !== undefined) return stored.is_erased === 1;
      const workspace = keyText(turn.workspaceId);
      const at = turn.askedAtMs;
      if (isPersonErased(turn.workspaceId, turn.askerId, at)) return true;
      if (findPlace.get({ workspace, channel: optionalKey(turn.channelId), at }) !== undefined) return true;
      const source = keyTextOrNull(turn.provenance.cache.sourceTurnId);
      return findCopied.get({ source, regenerated: keyTextOrNull(turn.regenerationOf) }) !== undefined;
    },
    isReasonErased({ workspaceId, reportedBy, turnId, atMs }) {
      const turn = findTurn.get({ id: keyText(turnId) });
      return turn?.is_erased === 1 || isPersonErased(workspaceId, reportedBy, atMs);
    },
  };
}
