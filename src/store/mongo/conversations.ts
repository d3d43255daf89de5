import type { Conversation } from "#core/conversation.ts";
import { titleOf } from "#core/conversation.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { Collections } from "./collections.ts";
import { keyText, keyTextOrNull } from "./keys.ts";
import { ignoreDuplicate, type Row } from "./records.ts";
import { retryWhileRaced } from "./retry.ts";

type Conversations = Pick<
  ChatStore,
  "saveConversation" | "findConversation" | "findOpenConversation" | "listConversations"
>;

export function mongoConversations(rows: Collections): Conversations {
  const { conversation: conversations } = rows;

  return {
    saveConversation: (conversation) => saveConversation(rows, conversation),
    findConversation: (id) => conversations.find(keyText(id)),
    async findOpenConversation({ workspaceId, channelId, threadId }) {
      const place = { workspace: keyText(workspaceId), channel: keyText(channelId), thread: keyTextOrNull(threadId) };
      const sort = { last_turn_at: -1, key: -1 } as const;
      return (await conversations.list({ ...place, is_closed: 0 }, { sort, limit: 1 }))[0];
    },
    listConversations({ workspaceId, channelId, beforeMs = Number.MAX_SAFE_INTEGER, limit }) {
      const ofChannel = channelId === undefined ? {} : { channel: keyText(channelId) };
      const filter = { workspace: keyText(workspaceId), ...ofChannel, last_turn_at: { $lt: beforeMs } };
      return conversations.list(filter, { sort: { last_turn_at: -1, key: -1 }, limit });
    },
  };
}

async function saveConversation(rows: Collections, conversation: Conversation): Promise<void> {
  const _id = keyText(conversation.id);
  await retryWhileRaced(async () => {
    const before = await rows.conversation.model.findOne({ _id }).lean<Row>();
    const isErased = before === null ? await isFirstErased(rows, _id) : before["is_erased"] === 1;
    return write(rows, before ?? undefined, isErased ? { ...conversation, title: "" } : conversation, isErased);
  });
  // Its first turn may have been erased just before it was there to lose its title.
  const kept = await rows.conversation.model.findOne({ _id }, { is_erased: 1 }).lean<Row>();
  if (kept?.["is_erased"] === 0 && (await isFirstErased(rows, _id))) await eraseTitleIf(rows, _id, async () => true);
}

async function isFirstErased({ turnRow }: Collections, conversation: string): Promise<boolean> {
  return (await turnRow.exists({ conversation, position: 0, is_erased: 1 })) !== null;
}

/** Empties the title, for good, where it was made from this turn's question or no other turn is left to explain it. */
export async function eraseTitle(rows: Collections, turn: Turn): Promise<void> {
  const id = keyText(turn.conversationId);
  await eraseTitleIf(rows, id, async ({ title }) => {
    if (turn.position === 0 || titleOf(turn.question) === title) return true;
    const other = { conversation: id, is_erased: 0, _id: { $ne: keyText(turn.id) } };
    return (await rows.turnRow.exists(other)) === null;
  });
}

async function eraseTitleIf(
  rows: Collections,
  _id: string,
  isDue: (conversation: Conversation) => Promise<boolean>,
): Promise<void> {
  await retryWhileRaced(async () => {
    const before = await rows.conversation.model.findOne({ _id, is_erased: 0 }).lean<Row>();
    if (before === null) return true;
    const conversation = rows.conversation.read(before);
    return (await isDue(conversation)) ? write(rows, before, { ...conversation, title: "" }, true) : true;
  });
}

/** Undefined when another process was faster. */
async function write(
  { conversation: { model, rowOf } }: Collections,
  before: Row | undefined,
  conversation: Conversation,
  isErased: boolean,
): Promise<true | undefined> {
  const { _id, ...row } = { ...rowOf(conversation), is_erased: isErased ? 1 : 0 };
  if (before === undefined) {
    return (await ignoreDuplicate(model.create({ ...row, _id, rev: 1 }))) === undefined ? undefined : true;
  }
  const changes = { $set: row, $inc: { rev: 1 } };
  const written = await model.updateOne({ _id, rev: before["rev"] }, changes, { runValidators: true });
  return written.matchedCount === 1 ? true : undefined;
}
