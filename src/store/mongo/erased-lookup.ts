import type { Report } from "#core/report.ts";
import type { Turn } from "#core/turn.ts";
import type { Collections, TurnRow } from "./collections.ts";
import { keyOf, keyText, keyTextOrNull } from "./keys.ts";
import { nativeOf, type Row } from "./records.ts";

/**
 * What was erased, asked before every save of words: whoever still holds them in memory must not write them again. An erasure may be
 * recorded between the question and the save: savers of what was not there before ask again afterwards.
 */
export interface ErasedLookup {
  /** Whether its person or place was erased after it was asked, or a turn that it repeats. */
  isNewTurnErased(turn: Turn): Promise<boolean>;
  /** That, and whether the first turn of its conversation was erased. */
  isNewAnswerErased(turn: Turn): Promise<{ readonly isErased: boolean; readonly isFirstErased: boolean }>;
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

  async function areErased(ids: readonly string[]): Promise<boolean> {
    return ids.length > 0 && isThere(turnRow, { _id: { $in: ids }, is_erased: 1 });
  }

  const repeatedBy = ({ provenance, regenerationOf }: Turn) =>
    [keyTextOrNull(provenance.cache.sourceTurnId), keyTextOrNull(regenerationOf)].filter((id) => id !== null);

  const isAskerOrPlaceErased = async (turn: Turn) =>
    (await isPersonErased(turn.workspaceId, turn.askerId, turn.askedAtMs)) || (await isPlaceErased(turn));

  const isTurnErased = (turnId: string) => areErased([keyText(turnId)]);

  return {
    isPersonErased,
    isTurnErased,
    async isNewTurnErased(turn) {
      return (await isAskerOrPlaceErased(turn)) || areErased(repeatedBy(turn));
    },
    async isNewAnswerErased(turn) {
      const conversation = keyText(turn.conversationId);
      const repeated = repeatedBy(turn);
      const found = await nativeOf<ErasedTurn>(turnRow)
        .find(
          {
            $or: [
              { conversation, position: 0, is_erased: 1 },
              ...(repeated.length === 0 ? [] : [{ _id: { $in: repeated }, is_erased: 1 }]),
            ],
          },
          { projection: { conversation: 1, position: 1 } },
        )
        .toArray();
      const isRepeated = found.some(({ _id }) => repeated.includes(_id));
      return {
        isErased: isRepeated || (await isAskerOrPlaceErased(turn)),
        isFirstErased: found.some((row) => row.conversation === conversation && row.position === 0),
      };
    },
    async isReasonErased({ workspaceId, reportedBy, turnId, atMs }) {
      return (await isTurnErased(turnId)) || (await isPersonErased(workspaceId, reportedBy, atMs));
    },
  };
}

type ErasedTurn = Pick<TurnRow, "_id" | "conversation" | "position" | "is_erased">;

async function isThere(model: { readonly collection: object }, filter: object): Promise<boolean> {
  return (await nativeOf<Row>(model).findOne(filter, { projection: { _id: 1 } })) !== null;
}
