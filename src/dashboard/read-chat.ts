import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import type { Conversation } from "#core/conversation.ts";
import type { Turn } from "#core/turn.ts";
import type { ConversationView, TurnView } from "./api-records.ts";
import type { DashboardParts } from "./dashboard-parts.ts";
import { notFound } from "./http-refusal.ts";
import { channelOf, type Person } from "./identify.ts";
import { viewConversation, viewTurn } from "./turn-view.ts";

/** Turns of one conversation that a page shows; older ones stay in the store. */
const TURNS_MAX = 500;

type ChatParts = Pick<DashboardParts, "chat" | "learning">;

/** Newest first; only this person's. */
export async function readConversations(
  parts: ChatParts,
  person: Person,
  page: { readonly limit: number; readonly beforeMs?: number | undefined },
): Promise<readonly ConversationView[]> {
  const conversations = await parts.chat.listConversations({
    workspaceId: LOCAL_WORKSPACE_ID,
    channelId: channelOf(person),
    limit: page.limit,
    ...(page.beforeMs === undefined ? {} : { beforeMs: page.beforeMs }),
  });
  return conversations.filter((conversation) => conversation.turns > 0).map(viewConversation);
}

/** Oldest turn first. */
export async function readConversation(parts: ChatParts, person: Person, id: string) {
  const conversation = await findOwnConversation(parts, person, id);
  const turns = await parts.chat.listHistory(id, TURNS_MAX);
  return {
    conversation: viewConversation(conversation),
    turns: await Promise.all(turns.map((turn) => readTurnView(parts, person, turn))),
  };
}

/** Rejects with HttpRefusal 404 when it is not there or is somebody else's: the two look the same from outside. */
export async function findOwnConversation(parts: ChatParts, person: Person, id: string): Promise<Conversation> {
  const conversation = await parts.chat.findConversation(id);
  if (conversation === undefined || !isOwn(conversation, person)) throw notFound("conversation", id);
  return conversation;
}

/** As `findOwnConversation`. */
export async function findOwnTurn(parts: ChatParts, person: Person, id: string): Promise<Turn> {
  const turn = await parts.chat.findTurn(id);
  if (turn === undefined || !isOwn(turn, person)) throw notFound("reply", id);
  return turn;
}

export function isOwn(place: { readonly workspaceId: string; readonly channelId: string }, person: Person): boolean {
  return place.workspaceId === LOCAL_WORKSPACE_ID && place.channelId === channelOf(person);
}

export async function readTurnView(parts: ChatParts, person: Person, turn: Turn): Promise<TurnView> {
  const digest = turn.arm.adapterDigest;
  const [feedback, adapter] = await Promise.all([
    parts.chat.listFeedback(turn.id),
    digest === undefined ? undefined : parts.learning.findAdapter(digest),
  ]);
  const own = feedback.find((item) => item.userId === person.personId);
  return viewTurn(turn, own, adapter?.name);
}
