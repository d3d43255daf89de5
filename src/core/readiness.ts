import type { LearningCounts } from "./learning.ts";

export interface ReadinessThresholds {
  readonly conversationsMin: number;
  readonly messagesMin: number;
  readonly feedbackMin: number;
  readonly scoreMeanMin: number;
  readonly examplesMin: number;
  readonly ratersMin: number;
  /** New examples asked for after a first run; 0 before it. */
  readonly newExamplesMin: number;
}

export type Light = "red" | "yellow" | "green";
export type CriterionId =
  | "conversations"
  | "messages"
  | "feedback"
  | "scoreMean"
  | "examples"
  | "raters"
  | "newExamples";

export interface Criterion {
  readonly id: CriterionId;
  readonly value: number;
  readonly threshold: number;
  /** value / threshold, at most 1. */
  readonly progress: number;
  readonly isMet: boolean;
}

export interface Readiness {
  readonly light: Light;
  /** Mean progress of all criteria, 0 to 1. */
  readonly progress: number;
  readonly criteria: readonly Criterion[];
  /** What to do about each criterion that is not met; empty when green. */
  readonly missing: readonly string[];
}

/**
 * Green: every criterion is met. Yellow: at least half of them. Red: otherwise.
 * `examplesAtLastRun` is `LearningCounts.examplesEver` when the last run began; undefined before the first.
 */
export function judgeReadiness(
  counts: LearningCounts,
  thresholds: ReadinessThresholds,
  examplesAtLastRun?: number,
): Readiness {
  const scoreMean = counts.feedback === 0 ? 0 : counts.scoreSum / counts.feedback;
  const criteria = [
    criterion("conversations", counts.conversations, thresholds.conversationsMin),
    criterion("messages", counts.messages, thresholds.messagesMin),
    criterion("feedback", counts.feedback, thresholds.feedbackMin),
    criterion("scoreMean", scoreMean, thresholds.scoreMeanMin),
    criterion("examples", counts.examples, thresholds.examplesMin),
    criterion("raters", counts.raters, thresholds.ratersMin),
    ...(examplesAtLastRun === undefined
      ? []
      : [criterion("newExamples", Math.max(0, counts.examplesEver - examplesAtLastRun), thresholds.newExamplesMin)]),
  ];
  const met = criteria.filter((item) => item.isMet).length;
  return {
    light: met === criteria.length ? "green" : met * 2 >= criteria.length ? "yellow" : "red",
    progress: criteria.reduce((sum, item) => sum + item.progress, 0) / criteria.length,
    criteria,
    missing: criteria.filter((item) => !item.isMet).map(adviceFor),
  };
}

function criterion(id: CriterionId, value: number, threshold: number): Criterion {
  const progress = threshold <= 0 ? 1 : Math.min(1, value / threshold);
  return { id, value, threshold, progress, isMet: value >= threshold };
}

function adviceFor({ id, value, threshold }: Criterion): string {
  const left = Math.ceil(threshold - value);
  const more = (one: string, many: string) => `${left} more ${left === 1 ? one : many}`;
  switch (id) {
    case "conversations":
      return `${more("conversation", "conversations")}: open a new one for each subject`;
    case "messages":
      return `${more("message", "messages")} (a question and its reply are two)`;
    case "feedback":
      return `${more("scored reply", "scored replies")}: press an emoji under the replies you read`;
    case "scoreMean":
      return `a mean score of ${threshold} (now ${value.toFixed(1)}): teach better answers where replies are weak`;
    case "examples":
      return `${more("liked (🙂 😍) or corrected reply", "liked (🙂 😍) or corrected replies")} in this domain`;
    case "raters":
      return `${more("person who scores", "people who score")} replies`;
    case "newExamples":
      return `${more("liked or corrected reply", "liked or corrected replies")} since the last training`;
  }
}

export const LIGHT_EMOJI = { red: "🔴", yellow: "🟡", green: "✅" } as const satisfies Record<Light, string>;
