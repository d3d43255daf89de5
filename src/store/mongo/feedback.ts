import { TurnUnknownError } from "#core/errors.ts";
import { type Feedback, type FeedbackChange, mergeFeedback } from "#core/feedback.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { Collections, TurnRow } from "./collections.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import { keyText } from "./keys.ts";
import { readFeedback, type TurnWriter, withFeedback } from "./turn-writer.ts";

type FeedbackPart = Pick<ChatStore, "putFeedback" | "listFeedback">;

/** Feedback lies in its turn: score, figures and the turn's state change together. */
export function mongoFeedback(rows: Collections, writer: TurnWriter, erased: ErasedLookup): FeedbackPart {
  return {
    async putFeedback(change) {
      const { turnId, workspaceId, userId, atMs } = change;
      let merged: Feedback | undefined;
      const isWritten = await writer.change(keyText(turnId), async (before) => {
        if (before === undefined || before.is_erased === 1) throw new TurnUnknownError(turnId);
        const feedback = readFeedback(before);
        const stored = feedback.find((item) => item.userId === userId);
        const isErased = await erased.isPersonErased(workspaceId, userId, atMs);
        merged = mergeFeedback(stored, isErased ? withoutOpinion(change) : change);
        return isErased ? undefined : withFeedback(before, [...without(feedback, userId), merged]);
      });
      if (merged === undefined) throw new Error(`Cannot put feedback on turn "${turnId}": nobody looked at the turn`);
      // Whoever was erased meanwhile was erased before this was there to be found.
      if (isWritten && (await erased.isPersonErased(workspaceId, userId, atMs))) {
        await removeFeedback(writer, keyText(turnId), userId);
      }
      return merged;
    },
    async listFeedback(turnId) {
      const row = await rows.turnRow
        .findOne({ _id: keyText(turnId) }, { feedback: 1 })
        .lean<Pick<TurnRow, "feedback">>();
      return row === null ? [] : readFeedback(row);
    },
  };
}

/** False when there was none. */
export function removeFeedback(writer: TurnWriter, turn: string, userId: string): Promise<boolean> {
  return changeFeedback(writer, turn, (feedback) => without(feedback, userId));
}

/** Writes nothing when `change` leaves as many and says so by giving the same list. */
export function changeFeedback(
  writer: TurnWriter,
  turn: string,
  change: (feedback: readonly Feedback[]) => readonly Feedback[],
): Promise<boolean> {
  return writer.change(turn, async (before) => {
    if (before === undefined) return undefined;
    const feedback = readFeedback(before);
    const changed = change(feedback);
    return changed === feedback ? undefined : withFeedback(before, changed);
  });
}

function without(feedback: readonly Feedback[], userId: string): readonly Feedback[] {
  return feedback.some((item) => item.userId === userId) ? feedback.filter((item) => item.userId !== userId) : feedback;
}

/** Names nothing, so that it changes nothing. */
function withoutOpinion({ turnId, userId, workspaceId, source, atMs }: FeedbackChange): FeedbackChange {
  return { turnId, userId, workspaceId, source, atMs };
}
