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
  /** All that `score` follows from, oldest first; not given where `score`, `emoji` and `source` say it. */
  readonly heard?: readonly HeardScore[];
}

/** An emoji under the reply, or a score given in another way, as it was last heard of. */
export interface HeardScore {
  readonly source: FeedbackSource;
  readonly atMs: number;
  /** Undefined: it was taken back. */
  readonly score?: Score;
  readonly emoji?: string;
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

/**
 * The same changes lead to the same feedback in whatever order they come. A person can press several emoji and take each away again,
 * so each is kept with its own time; the newest that still stands counts.
 */
export function mergeFeedback(existing: Feedback | undefined, change: FeedbackChange): Feedback {
  const base = existing ?? { scoreAtMs: 0, commentAtMs: 0, correctionAtMs: 0, endorsedBy: [], source: change.source };
  const heard = hearScore(heardScores(existing), change);
  const counting = heard.findLast((one) => !isReaction(one) || one.score !== undefined);
  const score = counting?.score;
  const emoji = score === undefined ? undefined : counting?.emoji;
  const takesComment = change.comment !== undefined && change.atMs >= base.commentAtMs;
  const takesCorrection = change.correction !== undefined && change.atMs >= base.correctionAtMs;
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
    source: counting?.source ?? (change.score === undefined ? base.source : change.source),
    scoreAtMs: heard.at(-1)?.atMs ?? base.scoreAtMs,
    commentAtMs: takesComment ? change.atMs : base.commentAtMs,
    correctionAtMs,
    endorsedBy,
    ...(score === undefined ? {} : { score }),
    ...(emoji === undefined ? {} : { emoji }),
    ...(comment === undefined || comment === null ? {} : { comment }),
    ...(correction === undefined || correction === null ? {} : { correction }),
    ...(heard.every((one) => one === counting) ? {} : { heard }),
  };
}

/** What one person's score follows from, oldest first. */
export function heardScores(feedback: Feedback | undefined): readonly HeardScore[] {
  if (feedback === undefined) return [];
  const { heard, score, scoreAtMs: atMs, source, emoji } = feedback;
  if (heard !== undefined) return heard;
  if (score === undefined && atMs === 0) return [];
  return [{ source, atMs, ...(score === undefined ? {} : { score }), ...(emoji === undefined ? {} : { emoji }) }];
}

/** Of several emoji under one reply each stands for itself; every other way to score replaces what was said that way before. */
export function isReaction({ source, emoji }: HeardScore): boolean {
  return source === "reaction" && emoji !== undefined;
}

/** People who press all emoji there are do not grow the record. */
const HEARD_MAX = 12;

function hearScore(known: readonly HeardScore[], change: FeedbackChange): readonly HeardScore[] {
  const { source, atMs, score, emoji } = change;
  if (score === undefined) return known;
  const heard: HeardScore = {
    source,
    atMs,
    ...(score === null ? {} : { score }),
    ...(emoji === undefined ? {} : { emoji }),
  };
  const before = known.find((one) => (isReaction(heard) ? one.emoji === emoji && isReaction(one) : !isReaction(one)));
  if (before !== undefined && (atMs < before.atMs || isRemovalOfAnother(before, heard))) return known;
  const others = known.filter((one) => one !== before);
  return [...others, heard].toSorted((one, other) => one.atMs - other.atMs).slice(-HEARD_MAX);
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
function isRemovalOfAnother(before: HeardScore, { score, emoji }: HeardScore): boolean {
  return score === undefined && emoji !== undefined && before.emoji !== undefined && before.emoji !== emoji;
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
