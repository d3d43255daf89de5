import type { Conversation } from "#core/conversation.ts";
import { titleOf } from "#core/conversation.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { Collections, TurnRow } from "./collections.ts";
import { keyText, keyTextOrNull } from "./keys.ts";
import { type Recent, recent } from "./recent.ts";
import { ignoreDuplicate, type ListOptions, nativeOf, type Row } from "./records.ts";
import { retryWhileRaced } from "./retry.ts";

export type Conversations = Pick<
  ChatStore,
  "saveConversation" | "findConversation" | "findOpenConversation" | "listConversations"
> & {
  /** Saves one whose first turn may have been erased already: true where that is still to be asked. */
  writeConversation(conversation: Conversation): Promise<boolean>;
};

/** A conversation is written with each of its turns. */
const RECENT_CONVERSATIONS_MAX = 256;

export function mongoConversations(rows: Collections): Conversations {
  const { conversation: conversations } = rows;
  const known = recent<Row>(RECENT_CONVERSATIONS_MAX);

  async function list(filter: object, sort: ListOptions["sort"], limit: number): Promise<readonly Conversation[]> {
    const found = await conversations.listRows(filter, { ...(sort === undefined ? {} : { sort }), limit });
    for (const row of found) known.put(row._id, row);
    return found.map(conversations.read);
  }

  return {
    async saveConversation(conversation) {
      const isToBeAsked = await writeConversation(rows, known, conversation);
      if (isToBeAsked) await eraseTitleOfErased(rows, conversation.id);
    },
    writeConversation: (conversation) => writeConversation(rows, known, conversation),
    findConversation: async (id) => (await list({ _id: keyText(id) }, undefined, 1))[0],
    async findOpenConversation({ workspaceId, channelId, threadId }) {
      const place = { workspace: keyText(workspaceId), channel: keyText(channelId), thread: keyTextOrNull(threadId) };
      const sort = { last_turn_at: -1, key: -1 } as const;
      return (await list({ ...place, is_closed: 0 }, sort, 1))[0];
    },
    listConversations({ workspaceId, channelId, beforeMs = Number.MAX_SAFE_INTEGER, limit }) {
      const ofChannel = channelId === undefined ? {} : { channel: keyText(channelId) };
      const filter = { workspace: keyText(workspaceId), ...ofChannel, last_turn_at: { $lt: beforeMs } };
      return conversations.list(filter, { sort: { last_turn_at: -1, key: -1 }, limit });
    },
  };
}

/** Begins with what this process saw of it last; one that it never saw is most likely new. */
async function writeConversation(rows: Collections, known: Recent<Row>, conversation: Conversation): Promise<boolean> {
  const _id = keyText(conversation.id);
  let isFirstTry = true;
  let isErased = false;
  await retryWhileRaced(async () => {
    const before = isFirstTry ? known.get(_id) : await rows.conversation.findRow(_id);
    isFirstTry = false;
    isErased = before?.["is_erased"] === 1;
    const row = await write(rows, before, isErased ? { ...conversation, title: "" } : conversation, isErased);
    if (row === undefined) known.drop(_id);
    else known.put(_id, row);
    return row;
  });
  return !isErased;
}

/** Its first turn may have been erased before the conversation was there to lose its title. */
export async function eraseTitleOfErased(rows: Collections, conversationId: string): Promise<void> {
  const _id = keyText(conversationId);
  if (await isFirstErased(rows, _id)) await eraseTitleIf(rows, _id, async () => true);
}

async function isFirstErased({ turnRow }: Collections, conversation: string): Promise<boolean> {
  const first = { conversation, position: 0, is_erased: 1 };
  return (await nativeOf<TurnRow>(turnRow).findOne(first, { projection: { _id: 1 } })) !== null;
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
    if (!(await isDue(conversation))) return true;
    return (await write(rows, before, { ...conversation, title: "" }, true)) === undefined ? undefined : true;
  });
}

/** Undefined when another process was faster. */
async function write(
  { conversation: { model, rowOf } }: Collections,
  before: Row | undefined,
  conversation: Conversation,
  isErased: boolean,
): Promise<Row | undefined> {
  const rows = nativeOf<{ readonly _id: string; readonly rev: number }>(model);
  const after = { ...rowOf(conversation), is_erased: isErased ? 1 : 0 };
  if (before === undefined) {
    const row = { ...after, rev: 1 };
    return (await ignoreDuplicate(rows.insertOne({ ...row }))) === undefined ? undefined : row;
  }
  const { _id, ...values } = after;
  const rev = Number(before["rev"]);
  const written = await rows.updateOne({ _id, rev }, { $set: values, $inc: { rev: 1 } });
  return written.matchedCount === 1 ? { ...after, rev: rev + 1 } : undefined;
}
