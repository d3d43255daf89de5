/** What one person thinks of one reply. There is at most one per turn and person; the latest event wins, field by field. */
export interface Feedback {
  readonly turnId: string;
  readonly userId: string;
  readonly workspaceId: string;
  /** Undefined when the person took the score back. */
  readonly score?: Score;
  readonly scoreAtMs: number;
  readonly source: FeedbackSource;
  readonly emoji?: string;
  readonly comment?: string;
  readonly commentAtMs: number;
  /** A better answer, taught by this person. */
  readonly correction?: string;
  readonly correctionAtMs: number;
  /** People other than the author, or admins, who agreed with the correction. */
  readonly endorsedBy: readonly string[];
}

export type Score = 1 | 2 | 3 | 4 | 5;
export type FeedbackSource = "reaction" | "button" | "command" | "dashboard";

/** `null` takes a field back; a field that is not named stays as it is. */
export interface FeedbackChange {
  readonly turnId: string;
  readonly userId: string;
  readonly workspaceId: string;
  readonly source: FeedbackSource;
  /** The platform's time of the event. */
  readonly atMs: number;
  readonly score?: Score | null;
  readonly emoji?: string;
  readonly comment?: string | null;
  readonly correction?: string | null;
  readonly endorsedBy?: string;
}

/** Out-of-order events change nothing that a later event has already set. */
export function mergeFeedback(existing: Feedback | undefined, change: FeedbackChange): Feedback {
  const base = existing ?? { scoreAtMs: 0, commentAtMs: 0, correctionAtMs: 0, endorsedBy: [], source: change.source };
  const takesScore =
    change.score !== undefined && change.atMs >= base.scoreAtMs && !isRemovalOfAnother(existing, change);
  const takesComment = change.comment !== undefined && change.atMs >= base.commentAtMs;
  const takesCorrection = change.correction !== undefined && change.atMs >= base.correctionAtMs;
  const score = takesScore ? change.score : existing?.score;
  const emoji = takesScore ? change.emoji : existing?.emoji;
  const comment = takesComment ? change.comment : existing?.comment;
  const correction = takesCorrection ? change.correction : existing?.correction;
  const endorsers = takesCorrection && change.correction !== existing?.correction ? [] : base.endorsedBy;
  const correctionAtMs = takesCorrection ? change.atMs : base.correctionAtMs;
  const isEndorsed =
    correction !== undefined && correction !== null && isEndorsement(change, endorsers, correctionAtMs);
  const endorsedBy = isEndorsed ? [...endorsers, change.endorsedBy] : endorsers;
  return {
    turnId: change.turnId,
    userId: change.userId,
    workspaceId: change.workspaceId,
    source: takesScore ? change.source : base.source,
    scoreAtMs: takesScore ? change.atMs : base.scoreAtMs,
    commentAtMs: takesComment ? change.atMs : base.commentAtMs,
    correctionAtMs,
    endorsedBy,
    ...(score === undefined || score === null ? {} : { score }),
    ...(emoji === undefined || score === undefined || score === null ? {} : { emoji }),
    ...(comment === undefined || comment === null ? {} : { comment }),
    ...(correction === undefined || correction === null ? {} : { correction }),
  };
}

/** Who agreed before the correction was given, or changed, meant another one; authors do not agree with themselves. */
function isEndorsement(
  change: FeedbackChange,
  endorsers: readonly string[],
  correctionAtMs: number,
): change is FeedbackChange & { readonly endorsedBy: string } {
  const { endorsedBy, userId, atMs } = change;
  return endorsedBy !== undefined && endorsedBy !== userId && atMs >= correctionAtMs && !endorsers.includes(endorsedBy);
}

/** Changing 😍 to 😞 arrives as two events, in any order: taking 😍 away must not take the new 😞 with it. */
function isRemovalOfAnother(existing: Feedback | undefined, change: FeedbackChange): boolean {
  return (
    change.score === null &&
    change.emoji !== undefined &&
    existing?.emoji !== undefined &&
    existing.emoji !== change.emoji
  );
}

export const SCORE_LIKED_MIN = 4;
export const SCORE_DISLIKED_MAX = 2;

/** Whether anyone's feedback makes the turn an example to learn from: liked by someone and on balance, or corrected. */
export function isExample(feedback: readonly Feedback[]): boolean {
  return feedback.some((item) => item.correction !== undefined) || isLiked(feedback);
}

/** Mean score of at least `SCORE_LIKED_MIN`: one dislike against one like is no example. */
export function isLiked(feedback: readonly Feedback[]): boolean {
  const mean = meanScore(feedback);
  return mean !== undefined && mean >= SCORE_LIKED_MIN;
}

export function isDisliked(feedback: readonly Feedback[]): boolean {
  const mean = meanScore(feedback);
  return mean !== undefined && mean <= SCORE_DISLIKED_MAX;
}

/**
 * What one person's feedback counts for in readiness. A taught answer counts as the best score, whatever its author
 * thought of the reply: readiness asks whether there is enough good to learn from, and a model that knows nothing yet
 * could otherwise never become ready, however much it is taught. Undefined: no feedback that counts.
 */
export function readinessScore(feedback: Feedback): Score | undefined {
  return feedback.correction === undefined ? feedback.score : 5;
}

export function meanScore(feedback: readonly Feedback[]): number | undefined {
  const scores = feedback.flatMap((item) => (item.score === undefined ? [] : [item.score]));
  if (scores.length === 0) return undefined;
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** Skin tones and variation selectors say nothing about liking: `👍🏽` scores as `👍`. */
export function scoreOfEmoji(emoji: string, scores: ReadonlyMap<string, Score>): Score | undefined {
  const plain = emoji
    .replace(/[\u{1F3FB}-\u{1F3FF}\uFE0E\uFE0F]/gu, "")
    .replace(/::skin-tone-\d/u, "")
    .replace(/^:(.+):$/u, "$1");
  return scores.get(emoji) ?? scores.get(plain);
}
