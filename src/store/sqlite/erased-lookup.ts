import type { Report } from "#core/report.ts";
import type { Turn } from "#core/turn.ts";
import { keyText, keyTextOrNull, optionalKey } from "./columns.ts";
import type { Sql } from "./sql.ts";

/** What was erased, asked before every save of words: whoever still holds them in memory must not write them again. */
export interface ErasedLookup {
  /** Whether the words of a turn that is not stored yet may not be: its person or place was erased after it was asked, or what it repeats. */
  isNewTurnErased(turn: Turn): boolean;
  /** Whether this person was erased at or after the moment. */
  isPersonErased(workspaceId: string, userId: string, atMs: number): boolean;
  isReasonErased(report: Report): boolean;
}

export function sqliteErasedLookup(sql: Sql): ErasedLookup {
  const findTurn = sql.prepare<{ is_erased: number }>("SELECT is_erased FROM turn WHERE id = :id");
  const findPerson = sql.prepare<object>(
    "SELECT 1 FROM deletion WHERE workspace = :workspace AND user_id = :user AND at >= :at LIMIT 1",
  );
  // Asked before each new turn: its person, its place, and the turns whose words it repeats.
  const findReason = sql.prepare<object>(`
    SELECT 1 FROM deletion WHERE workspace = :workspace AND user_id = :user AND at >= :at
    UNION ALL
    SELECT 1 FROM erased_place WHERE workspace = :workspace AND channel IN (:channel, 'null') AND at >= :at
    UNION ALL
    SELECT 1 FROM turn WHERE id IN (:source, :regenerated) AND is_erased = 1
    LIMIT 1`);

  function isPersonErased(workspaceId: string, userId: string, at: number): boolean {
    return findPerson.get({ workspace: keyText(workspaceId), user: keyText(userId), at }) !== undefined;
  }

  return {
    isPersonErased,
    isNewTurnErased(turn) {
      const reason = findReason.get({
        workspace: keyText(turn.workspaceId),
        user: keyText(turn.askerId),
        channel: optionalKey(turn.channelId),
        at: turn.askedAtMs,
        source: keyTextOrNull(turn.provenance.cache.sourceTurnId),
        regenerated: keyTextOrNull(turn.regenerationOf),
      });
      return reason !== undefined;
    },
    isReasonErased({ workspaceId, reportedBy, turnId, atMs }) {
      const turn = findTurn.get({ id: keyText(turnId) });
      return turn?.is_erased === 1 || isPersonErased(workspaceId, reportedBy, atMs);
    },
  };
}
