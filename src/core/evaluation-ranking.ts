import { bootstrap, type Interval } from "./evaluation-bootstrap.ts";

/** How well a model's own probabilities tell liked from disliked replies. */
export interface Ranking {
  /** Probability that a liked reply gets the higher score than a disliked one (Mann-Whitney); 0.5 is chance. */
  readonly auc: number;
  readonly interval: Interval;
  /** Share of pairs, both replies to one prompt, whose liked reply gets the higher score; ties count half. */
  readonly pairsRight: number;
  readonly roc: readonly RocPoint[];
  readonly confusion: Confusion;
}

export interface RocPoint {
  readonly falsePositiveRatio: number;
  readonly truePositiveRatio: number;
  /** Scores at or above it are called liked. */
  readonly threshold: number;
}

/** At the threshold with the largest distance from chance (Youden 1950). */
export interface Confusion {
  readonly threshold: number;
  readonly likedCalledLiked: number;
  readonly likedCalledDisliked: number;
  readonly dislikedCalledLiked: number;
  readonly dislikedCalledDisliked: number;
}

export interface ScoredPair {
  readonly liked: number;
  readonly disliked: number;
}

/** Undefined without pairs. */
export function rank(pairs: readonly ScoredPair[], seed: number): Ranking | undefined {
  if (pairs.length === 0) return undefined;
  const roc = rocOf(pairs);
  return {
    auc: areaUnderCurve(pairs),
    interval: bootstrap(pairs, seed, areaUnderCurve),
    pairsRight: pairs.reduce((sum, { liked, disliked }) => sum + wins(liked, disliked), 0) / pairs.length,
    roc,
    confusion: confusionAt(pairs, bestThreshold(roc)),
  };
}

/** By ranks with ties at their middle: n log n, since it is asked a thousand times. */
export function areaUnderCurve(pairs: readonly ScoredPair[]): number {
  const scored = pairs
    .flatMap(({ liked, disliked }) => [
      { score: liked, isLiked: true },
      { score: disliked, isLiked: false },
    ])
    .sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let start = 0; start < scored.length; ) {
    let end = start;
    while (end < scored.length && scored[end]?.score === scored[start]?.score) end++;
    const middle = (start + 1 + end) / 2;
    rankSum += middle * scored.slice(start, end).filter(({ isLiked }) => isLiked).length;
    start = Math.max(end, start + 1);
  }
  const count = pairs.length;
  return (rankSum - (count * (count + 1)) / 2) / (count * count);
}

function rocOf(pairs: readonly ScoredPair[]): readonly RocPoint[] {
  const thresholds = [...new Set(pairs.flatMap(({ liked, disliked }) => [liked, disliked]))].sort((a, b) => b - a);
  const count = pairs.length;
  return [
    { falsePositiveRatio: 0, truePositiveRatio: 0, threshold: Number.MAX_VALUE },
    ...thresholds.map((threshold) => ({
      falsePositiveRatio: pairs.filter(({ disliked }) => disliked >= threshold).length / count,
      truePositiveRatio: pairs.filter(({ liked }) => liked >= threshold).length / count,
      threshold,
    })),
  ];
}

function bestThreshold(roc: readonly RocPoint[]): number {
  const distance = (point: RocPoint) => point.truePositiveRatio - point.falsePositiveRatio;
  return roc.reduce((best, point) => (distance(point) > distance(best) ? point : best)).threshold;
}

function confusionAt(pairs: readonly ScoredPair[], threshold: number): Confusion {
  const likedCalledLiked = pairs.filter(({ liked }) => liked >= threshold).length;
  const dislikedCalledLiked = pairs.filter(({ disliked }) => disliked >= threshold).length;
  return {
    threshold,
    likedCalledLiked,
    likedCalledDisliked: pairs.length - likedCalledLiked,
    dislikedCalledLiked,
    dislikedCalledDisliked: pairs.length - dislikedCalledLiked,
  };
}

function wins(liked: number, disliked: number): number {
  return liked === disliked ? 0.5 : liked > disliked ? 1 : 0;
}
