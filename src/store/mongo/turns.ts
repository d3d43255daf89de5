import type { Conversation } from "#core/conversation.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { turnWithoutWords } from "#store/without-words.ts";
import type { Collections } from "./collections.ts";
import { type Conversations, eraseTitle, eraseTitleOfErased } from "./conversations.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import { keyText } from "./keys.ts";
import { holds } from "./records.ts";
import { readFeedback, stateOf, type TurnWriter } from "./turn-writer.ts";

type Turns = Pick<ChatStore, "saveTurn" | "findTurn" | "findTurnByMessage" | "listHistory" | "listRecentReplies">;

export interface TurnParts {
  readonly writer: TurnWriter;
  readonly erased: ErasedLookup;
  readonly eraseAgain: (turn: string) => Promise<void>;
}

const STANDING = ["streaming", "complete", "failed", "cancelled"];

export function mongoTurns(rows: Collections, parts: TurnParts): Turns {
  const { erased, writer } = parts;
  const { turn: turns } = rows;

  async function findNewest(filter: object): Promise<Turn | undefined> {
    return (await turns.list(filter, { sort: { asked_at: -1, key: -1 }, limit: 1 }))[0];
  }

  return {
    async saveTurn(turn) {
      await writeTurn(rows, parts, turn, () => erased.isNewTurnErased(turn));
    },
    async findTurn(id) {
      const turn = await turns.find(keyText(id));
      if (turn === undefined) writer.expectNone(keyText(id));
      return turn;
    },
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

/** Of a turn in its conversation, both of an answer that begins: what was erased is asked once, after both are written. */
export function savingTurnsIn(rows: Collections, parts: TurnParts, { writeConversation }: Conversations) {
  return async (conversation: Conversation, turn: Turn): Promise<void> => {
    let isToBeAsked = await writeConversation(conversation);
    await writeTurn(rows, parts, turn, async () => {
      const { isErased, isFirstErased } = await parts.erased.isNewAnswerErased(turn);
      if (!isFirstErased) isToBeAsked = false;
      return isErased;
    });
    if (isToBeAsked) await eraseTitleOfErased(rows, conversation.id);
  };
}

async function writeTurn(
  rows: Collections,
  { writer, eraseAgain }: TurnParts,
  turn: Turn,
  isNewErased: () => Promise<boolean>,
): Promise<void> {
  const id = keyText(turn.id);
  let isErased = false;
  await writer.save(
    id,
    async (before) => {
      isErased = before?.is_erased === 1;
      return stateOf(rows, isErased ? turnWithoutWords(turn) : turn, before ? readFeedback(before) : [], isErased);
    },
    // Asked after the write, and only then: who is erased later finds the turn, and who was erased before is found here. Words of an
    // erased person stand there for that moment; a kill in it leaves the note, by which the next one who settles erases them.
    async () => {
      if (await isNewErased()) await eraseAgain(id);
    },
  );
  if (isErased) await eraseTitle(rows, turn);
}
