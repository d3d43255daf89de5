import { type Feedback, scoreOfEmoji } from "#core/feedback.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PlatformFeedback, ReactionSnapshot } from "./intake.ts";
import type { SettingsWatch } from "./place-settings.ts";

export interface ReactionParts {
  readonly chat: ChatStore;
  readonly places: Pick<SettingsWatch, "of">;
  readonly collect: (given: PlatformFeedback) => Promise<unknown>;
}

/** What differs from what is stored was done meanwhile. Scores by buttons and commands leave no trace there, so they stay. */
export async function acceptReactions(parts: ReactionParts, snapshot: ReactionSnapshot): Promise<void> {
  const { workspaceId, channelId, messageId, atMs } = snapshot;
  const turn = await parts.chat.findTurnByMessage(workspaceId, channelId, messageId);
  if (turn?.messages.some((item) => item.role === "reply" && item.messageId === messageId) !== true) return;

  const scores = parts.places.of(turn).emoji;
  const given = new Map<string, string[]>();
  for (const { userId, emoji } of snapshot.reactions) {
    if (scoreOfEmoji(emoji, scores) === undefined) continue;
    given.set(userId, [...(given.get(userId) ?? []), emoji]);
  }
  const stored = new Map((await parts.chat.listFeedback(turn.id)).map((feedback) => [feedback.userId, feedback]));
  const place = { workspaceId, channelId, messageId, source: "reaction", atMs } as const;
  for (const [userId, emoji] of given) {
    const change = newestOf(emoji, stored.get(userId));
    if (change !== undefined) await parts.collect({ ...place, userId, emoji: change });
  }
  for (const { userId, source, score } of stored.values()) {
    const isTakenBack = source === "reaction" && score !== undefined && !given.has(userId);
    if (isTakenBack) await parts.collect({ ...place, userId, score: null });
  }
}

/** Undefined when the stored score still says it. Of several emoji the platform's last counts. */
function newestOf(emoji: readonly string[], known: Feedback | undefined): string | undefined {
  if (known !== undefined && known.source !== "reaction" && known.scoreAtMs > 0) return undefined;
  if (known?.score !== undefined && known.emoji !== undefined && emoji.includes(known.emoji)) return undefined;
  return emoji.at(-1);
}
