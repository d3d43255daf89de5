import type { NewId, Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { Erased, PrivacyStore } from "#store/privacy-store.ts";
import type { Answering } from "./answering.ts";
import type { PlaceEvent } from "./intake.ts";

export interface PlaceParts {
  readonly chat: ChatStore;
  readonly privacy: Pick<PrivacyStore, "erasePlace">;
  readonly people: Pick<PeopleStore, "appendAudit">;
  readonly answering: Pick<Answering, "underWay" | "dropQuestion">;
  readonly now: Now;
  readonly newId: NewId;
  readonly log: Log;
}

/** Of one channel; more are closed by the messages that come into them. */
const CONVERSATIONS_MAX = 500;

/** A bot that is removed, and a channel that is deleted, leave nothing behind. Resolves with what was erased. */
export async function erasePlace(
  parts: PlaceParts,
  event: Extract<PlaceEvent, { readonly kind: "left" | "channel-deleted" }>,
): Promise<Erased> {
  const { workspaceId } = event;
  const channel = event.kind === "channel-deleted" ? { channelId: event.channelId } : {};
  for (const { eventId } of parts.answering.underWay({ workspaceId, ...channel })) {
    await parts.answering.dropQuestion(eventId);
  }
  const erased = await parts.privacy.erasePlace({ workspaceId, ...channel }, parts.now());
  await parts.people.appendAudit({
    id: parts.newId(),
    atMs: parts.now(),
    who: "platform",
    what: event.kind === "left" ? "workspace.erased" : "channel.erased",
    workspaceId,
    after: `${erased.turnIds.length} turns, ${erased.feedback} opinions`,
  });
  parts.log.info({ workspaceId, ...channel, turns: erased.turnIds.length, feedback: erased.feedback }, "place.erased");
  return erased;
}

/** What is said from now on has another audience: it opens conversations of its own, without the words from before. */
export async function changeVisibility(
  { chat, now, log }: Pick<PlaceParts, "chat" | "now" | "log">,
  { workspaceId, channelId, visibility }: Extract<PlaceEvent, { readonly kind: "visibility-changed" }>,
): Promise<void> {
  const conversations = await chat.listConversations({ workspaceId, channelId, limit: CONVERSATIONS_MAX });
  for (const conversation of conversations) {
    if (conversation.closedAtMs !== undefined || conversation.visibility === visibility) continue;
    await chat.saveConversation({ ...conversation, closedAtMs: now() });
  }
  log.info({ workspaceId, channelId, visibility }, "place.visibility-changed");
}
