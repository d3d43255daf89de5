import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { turnWithoutWords } from "#store/without-words.ts";
import type { Collections } from "./collections.ts";
import { eraseTitle } from "./conversations.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import { type Intent, type Intents, NOTHING } from "./intents.ts";
import { keyText } from "./keys.ts";
import { holds } from "./records.ts";
import { readFeedback, stateOf, type TurnWriter } from "./turn-writer.ts";

type Turns = Pick<ChatStore, "saveTurn" | "findTurn" | "findTurnByMessage" | "listHistory" | "listRecentReplies">;

const STANDING = ["streaming", "complete", "failed", "cancelled"];

export function mongoTurns(
  rows: Collections,
  parts: { writer: TurnWriter; erased: ErasedLookup; intents: Intents; eraseAgain: (turn: string) => Promise<void> },
): Turns {
  const { writer, erased, intents, eraseAgain } = parts;
  const { turn: turns } = rows;

  async function findNewest(filter: object): Promise<Turn | undefined> {
    return (await turns.list(filter, { sort: { asked_at: -1, key: -1 }, limit: 1 }))[0];
  }

  return {
    async saveTurn(turn) {
      const id = keyText(turn.id);
      let fresh: Intent | undefined;
      let isErased = false;
      await writer.change(id, async (before) => {
        const feedback = before ? readFeedback(before) : [];
        // First: it rejects what is no record.
        const state = stateOf(rows, turn, feedback, false);
        isErased = before === undefined ? await erased.isNewTurnErased(turn) : before.is_erased === 1;
        if (isErased) return stateOf(rows, turnWithoutWords(turn), feedback, true);
        if (before === undefined) fresh ??= await intents.begin({ ...NOTHING, fresh: [id] });
        return state;
      });
      if (isErased) await eraseTitle(rows, turn);
      if (fresh === undefined) return;
      // Whoever was erased meanwhile was erased before this turn was there to be found.
      if (await erased.isNewTurnErased(turn)) await eraseAgain(id);
      await fresh.drop();
    },
    findTurn: (id) => turns.find(keyText(id)),
    async findTurnByMessage(workspaceId, channelId, messageId) {
      const place = {
        workspace: keyText(workspaceId),
        channel: keyText(channelId),
        messages: holds(keyText(messageId)),
      };
      return (
        (await findNewest({ ...place, status: { $in: STANDING } })) ??
        (await findNewest({ ...place, status: "superseded" })) ??
        (await findNewest({ ...place, status: "deleted" }))
      );
    },
    async listHistory(conversationId, limit) {
      const filter = { conversation: keyText(conversationId), status: { $in: STANDING } };
      const newest = await turns.list(filter, { sort: { position: -1, asked_at: -1, key: -1 }, limit });
      return [...newest].reverse();
    },
    listRecentReplies(platform, sinceMs, limit) {
      const filter = { platform, status: "complete", replied_at: { $gt: sinceMs } };
      return turns.list(filter, { sort: { replied_at: -1, key: -1 }, limit });
    },
  };
}
