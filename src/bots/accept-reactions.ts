import { type Feedback, heardScores, isReaction, scoreOfEmoji } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import { type FindGrowing, findRepliedTurn } from "./collect-feedback.ts";
import type { PlatformFeedback, ReactionSnapshot } from "./intake.ts";
import type { SettingsWatch } from "./place-settings.ts";

export interface ReactionParts {
  readonly chat: ChatStore;
  readonly people: Pick<PeopleStore, "listDeletions">;
  readonly places: Pick<SettingsWatch, "of">;
  readonly findGrowing?: FindGrowing;
  readonly collect: (given: PlatformFeedback) => Promise<unknown>;
}

/**
 * What differs from what is stored was done meanwhile. Scores by buttons and commands leave no trace there, so they stay. Not taken for
 * new: emoji under an answer whose question was edited (they may be about the old words), and those of a person who had their data
 * erased since the reply.
 */
export async function acceptReactions(parts: ReactionParts, snapshot: ReactionSnapshot): Promise<void> {
  const { workspaceId, channelId, messageId, atMs } = snapshot;
  const turn = await findRepliedTurn(parts, { ...snapshot, source: "reaction" });
  if (turn === undefined) return;

  const scores = parts.places.of(turn).emoji;
  const given = new Map<string, string[]>();
  for (const { userId, emoji } of snapshot.reactions) {
    if (scoreOfEmoji(emoji, scores) === undefined) continue;
    given.set(userId, [...(given.get(userId) ?? []), emoji]);
  }
  const stored = new Map((await parts.chat.listFeedback(turn.id)).map((feedback) => [feedback.userId, feedback]));
  const place = { workspaceId, channelId, messageId, source: "reaction", atMs } as const;
  for (const [userId, feedback] of stored) {
    for (const emoji of standingIn(feedback)) {
      if (given.get(userId)?.includes(emoji) === true) continue;
      await parts.collect({ ...place, userId, emoji, isRemoval: true });
    }
  }
  if (turn.revision > 0) return;
  const added = [...given].flatMap(([userId, emoji]) => addedTo(stored.get(userId), emoji).map((one) => [userId, one]));
  if (added.length === 0) return;
  const erased = await listErased(parts, turn);
  for (const [userId = "", emoji = ""] of added) {
    if (!erased.has(userId)) await parts.collect({ ...place, userId, emoji });
  }
}

function standingIn(feedback: Feedback): readonly string[] {
  return heardScores(feedback).flatMap((one) =>
    isReaction(one) && one.score !== undefined && one.emoji !== undefined ? [one.emoji] : [],
  );
}

/** In the order in which the platform tells them; the last counts. */
function addedTo(known: Feedback | undefined, emoji: readonly string[]): readonly string[] {
  if (known === undefined) return emoji;
  if (heardScores(known).some((one) => !isReaction(one) && one.score !== undefined)) return [];
  const standing = standingIn(known);
  return emoji.filter((one) => !standing.includes(one));
}

/** Whose reactions may be from before their erasure. */
async function listErased({ people }: ReactionParts, turn: Turn): Promise<ReadonlySet<string>> {
  const repliedAtMs = turn.repliedAtMs ?? turn.askedAtMs;
  const deletions = await people.listDeletions();
  return new Set(
    deletions.flatMap(({ workspaceId, userId, atMs }) =>
      workspaceId === turn.workspaceId && atMs >= repliedAtMs ? [userId] : [],
    ),
  );
}
