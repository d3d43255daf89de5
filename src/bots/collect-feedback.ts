import { cleanText } from "#core/clean-text.ts";
import { TurnUnknownError } from "#core/errors.ts";
import { type Feedback, type FeedbackChange, SCORE_DISLIKED_MAX, type Score, scoreOfEmoji } from "#core/feedback.ts";
import type { Log } from "#core/log.ts";
import type { Turn } from "#core/turn.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { PlatformFeedback, PostedPlace } from "./intake.ts";

export interface FeedbackParts {
  readonly chat: ChatStore;
  readonly cache: SemanticCache;
  readonly events: EventBus;
  readonly emoji: ReadonlyMap<string, Score>;
  readonly findGrowing?: FindGrowing;
  readonly textMaxChars: number;
  readonly log: Log;
}

/** The turn whose reply stands in this message and still grows: its places are stored at its end. */
export type FindGrowing = (place: ReplyPlace) => Promise<Turn | undefined>;

type ReplyPlace = Pick<PostedPlace, "workspaceId" | "channelId" | "messageId">;

/** Undefined when it was no feedback: another emoji, a message that is no reply of ours, a score out of range. */
export async function collectFeedback(parts: FeedbackParts, given: PlatformFeedback): Promise<Feedback | undefined> {
  const opinion = readOpinion(parts, given);
  if (opinion === undefined) return undefined;
  const turn = await findRepliedTurn(parts, given);
  if (turn === undefined || turn.status === "deleted" || isAboutOlderWords(turn, given)) return undefined;

  const { userId, source, atMs } = given;
  const { id: turnId, workspaceId } = turn;
  const feedback = await putFeedback(parts, { ...opinion, turnId, workspaceId, userId, source, atMs });
  if (feedback === undefined) return undefined;
  const isDisliked = feedback.score !== undefined && feedback.score <= SCORE_DISLIKED_MAX;
  if (isDisliked || feedback.correction !== undefined) await evict(parts.cache, turn);
  parts.events.publish({ kind: "turn.changed", turnId: turn.id });
  parts.log.info(
    {
      turnId: turn.id,
      score: feedback.score ?? null,
      source: feedback.source,
      corrected: feedback.correction !== undefined,
    },
    "feedback.collected",
  );
  return feedback;
}

const LOOK_UPS_MAX = 4;
const LOOK_UP_PAUSE_MS = 100;

/** A quick reaction can overtake the record of where the reply was posted, which is written right after posting. */
export async function findRepliedTurn(
  parts: Pick<FeedbackParts, "chat" | "findGrowing">,
  given: ReplyPlace & Pick<PlatformFeedback, "source">,
): Promise<Turn | undefined> {
  for (let lookUps = 1; ; lookUps++) {
    const turn = await parts.chat.findTurnByMessage(given.workspaceId, given.channelId, given.messageId);
    if (turn !== undefined) return isAboutReply(turn, given) ? turn : undefined;
    const growing = await parts.findGrowing?.(given);
    if (growing !== undefined || lookUps === LOOK_UPS_MAX) return growing;
    await new Promise((resolve) => setTimeout(resolve, LOOK_UP_PAUSE_MS));
  }
}

/** Undefined when the turn was erased at the same moment. */
async function putFeedback({ chat }: FeedbackParts, change: FeedbackChange): Promise<Feedback | undefined> {
  try {
    return await chat.putFeedback(change);
  } catch (error) {
    if (error instanceof TurnUnknownError) return undefined;
    throw error;
  }
}

/** An emoji that was given before the question was edited, and comes late, is about an answer that stands no more. */
function isAboutOlderWords({ revision }: Turn, { source, atMs }: PlatformFeedback): boolean {
  return source === "reaction" && atMs < revision;
}

/** An emoji under the question is meant for the person who asked. Buttons and commands name a turn by any of its messages. */
function isAboutReply(turn: Turn, { source, messageId }: Pick<PlatformFeedback, "source" | "messageId">): boolean {
  return source !== "reaction" || turn.messages.some((item) => item.role === "reply" && item.messageId === messageId);
}

type Opinion = Pick<FeedbackChange, "score" | "emoji" | "comment" | "correction" | "endorsedBy">;

/** Undefined when nothing is said; found out before the store is asked, since most reactions of a workspace are no feedback. */
function readOpinion(parts: FeedbackParts, given: PlatformFeedback): Opinion | undefined {
  const score = scoreOf(given, parts.emoji);
  const comment = textOf(given.comment, parts.textMaxChars);
  const correction = textOf(given.correction, parts.textMaxChars);
  if (score === undefined && comment === undefined && correction === undefined && given.endorsedBy === undefined)
    return undefined;
  return {
    ...(score === undefined ? {} : { score }),
    ...(given.emoji === undefined ? {} : { emoji: given.emoji }),
    ...(comment === undefined ? {} : { comment }),
    ...(correction === undefined ? {} : { correction }),
    ...(given.endorsedBy === undefined ? {} : { endorsedBy: given.endorsedBy }),
  };
}

function scoreOf(given: PlatformFeedback, emoji: ReadonlyMap<string, Score>): Score | null | undefined {
  if (given.score === null) return null;
  if (given.score !== undefined) return isScore(given.score) ? given.score : undefined;
  if (given.emoji === undefined) return undefined;
  const score = scoreOfEmoji(given.emoji, emoji);
  return score !== undefined && given.isRemoval === true ? null : score;
}

function isScore(value: number): value is Score {
  return Number.isInteger(value) && value >= 1 && value <= 5;
}

/** An empty text takes the field back. */
function textOf(text: string | null | undefined, maxChars: number): string | null | undefined {
  if (text === undefined || text === null) return text;
  const clean = cleanText(text).slice(0, maxChars);
  return clean === "" ? null : clean;
}

/** A disliked or mended reply is not served again, whether it came from the cache or went into it. */
async function evict(cache: SemanticCache, turn: Turn): Promise<void> {
  await cache.evictTurn(turn.id);
  const source = turn.provenance.cache.sourceTurnId;
  if (source !== undefined) await cache.evictTurn(source);
}
