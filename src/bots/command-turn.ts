import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { CommandCall } from "./chat-command.ts";

/**
 * The turn that a command is about: the one of the message it was called on, else the newest reply in the place, the caller's
 * own before others'. Nothing of another place can be named: messages are looked up in the channel of the call only.
 */
export async function findTurnOfCall(chat: ChatStore, call: CommandCall): Promise<Turn | undefined> {
  const turn =
    call.messageId === undefined ? await findNewest(chat, call) : await findByMessage(chat, call, call.messageId);
  return turn !== undefined && isThere(turn) ? turn : undefined;
}

/** What to say when there is no such turn. */
export function noTurnText({ messageId }: CommandCall): string {
  return messageId === undefined
    ? "I have answered nothing here yet: ask something first."
    : "That message is no reply of mine, or it is gone.";
}

/** The message that bears the end of the reply; undefined while nothing was shown. */
export function replyMessageOf({ messages }: Turn): string | undefined {
  return messages.findLast(({ role }) => role === "reply")?.messageId;
}

const LOOK_UPS_MAX = 4;
const LOOK_UP_PAUSE_MS = 100;

/** A quick call can overtake the record of where the reply was posted, which is written right after posting. */
async function findByMessage(chat: ChatStore, call: CommandCall, messageId: string): Promise<Turn | undefined> {
  for (let lookUps = 1; ; lookUps++) {
    const turn = await chat.findTurnByMessage(call.workspaceId, call.channelId, messageId);
    if (turn !== undefined || lookUps === LOOK_UPS_MAX) return turn;
    await new Promise((resolve) => setTimeout(resolve, LOOK_UP_PAUSE_MS));
  }
}

const TURNS_LOOKED_AT_MAX = 50;
const CONVERSATIONS_LOOKED_AT_MAX = 20;

async function findNewest(chat: ChatStore, call: CommandCall): Promise<Turn | undefined> {
  // Slack takes no commands inside threads, so a call beside them is about whatever was said there last.
  if (call.platform === "slack" && call.threadId === undefined) return await findNewestOfThreads(chat, call);
  const open = await chat.findOpenConversation(call);
  const conversation = open ?? (await findLastConversation(chat, call));
  if (conversation === undefined) return undefined;
  const turns = (await chat.listHistory(conversation.id, TURNS_LOOKED_AT_MAX)).filter(isThere);
  return turns.findLast(({ askerId }) => askerId === call.userId) ?? turns.at(-1);
}

async function findNewestOfThreads(chat: ChatStore, call: CommandCall): Promise<Turn | undefined> {
  const { workspaceId, channelId } = call;
  let others: Turn | undefined;
  for (const { id } of await chat.listConversations({ workspaceId, channelId, limit: CONVERSATIONS_LOOKED_AT_MAX })) {
    const turns = (await chat.listHistory(id, TURNS_LOOKED_AT_MAX)).filter(isThere);
    const own = turns.findLast(({ askerId }) => askerId === call.userId);
    if (own !== undefined) return own;
    others ??= turns.at(-1);
  }
  return others;
}

async function findLastConversation(chat: ChatStore, { workspaceId, channelId, threadId }: CommandCall) {
  const query = { workspaceId, channelId, limit: CONVERSATIONS_LOOKED_AT_MAX };
  return (await chat.listConversations(query)).find((conversation) => conversation.threadId === threadId);
}

function isThere({ status, messages }: Turn): boolean {
  return status !== "deleted" && status !== "superseded" && messages.some(({ role }) => role === "reply");
}
