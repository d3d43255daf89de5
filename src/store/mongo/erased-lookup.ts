import type { Report } from "#core/report.ts";
import type { Turn } from "#core/turn.ts";
import type { Collections } from "./collections.ts";
import { keyOf, keyText, keyTextOrNull } from "./keys.ts";
import { nativeOf, type Row } from "./records.ts";

/**
 * What was erased, asked before every save of words: whoever still holds them in memory must not write them again. An erasure may be
 * recorded between the question and the save: savers of what was not there before ask again afterwards.
 */
export interface ErasedLookup {
  /** Whether its person or place was erased after it was asked, or a turn that it repeats. */
  isNewTurnErased(turn: Turn): Promise<boolean>;
  isTurnErased(turnId: string): Promise<boolean>;
  /** Whether this person was erased at or after the moment. */
  isPersonErased(workspaceId: string, userId: string, atMs: number): Promise<boolean>;
  isReasonErased(report: Report): Promise<boolean>;
}

export function mongoErasedLookup({ turnRow, deletion, erasedPlace }: Collections): ErasedLookup {
  async function isPersonErased(workspaceId: string, userId: string, atMs: number): Promise<boolean> {
    const of = { workspace: keyText(workspaceId), user: keyText(userId) };
    return isThere(deletion.model, { ...of, at: { $gte: atMs } });
  }

  async function isPlaceErased({ workspaceId, channelId, askedAtMs }: Turn): Promise<boolean> {
    const channel = { $in: [keyOf(channelId), keyOf(undefined)] };
    const place = { workspace: keyText(workspaceId), channel, at: { $gte: askedAtMs } };
    return isThere(erasedPlace.model, place);
  }

  async function areErased(ids: readonly (string | null)[]): Promise<boolean> {
    const known = ids.filter((id) => id !== null);
    if (known.length === 0) return false;
    return isThere(turnRow, { _id: { $in: known }, is_erased: 1 });
  }

  const isTurnErased = (turnId: string) => areErased([keyText(turnId)]);

  return {
    isPersonErased,
    isTurnErased,
    async isNewTurnErased(turn) {
      if (await isPersonErased(turn.workspaceId, turn.askerId, turn.askedAtMs)) return true;
      if (await isPlaceErased(turn)) return true;
      return areErased([keyTextOrNull(turn.provenance.cache.sourceTurnId), keyTextOrNull(turn.regenerationOf)]);
    },
    async isReasonErased({ workspaceId, reportedBy, turnId, atMs }) {
      return (await isTurnErased(turnId)) || (await isPersonErased(workspaceId, reportedBy, atMs));
    },
  };
}

async function isThere(model: { readonly collection: object }, filter: object): Promise<boolean> {
  return (await nativeOf<Row>(model).findOne(filter, { projection: { _id: 1 } })) !== null;
}
