import type { EvaluationFigures } from "#core/evaluation.ts";
import type { GradedAdapter, GradeLimits } from "#core/grade.ts";
import type { Dataset, Run } from "#core/learning.ts";

/** Everything that is told about a run once its adapter was judged. */
export interface RunReport {
  readonly run: Run;
  readonly dataset: Dataset;
  readonly figures: EvaluationFigures;
  readonly graded: GradedAdapter;
  readonly limits: GradeLimits;
  readonly baseModelName: string;
  readonly adapterDigest: string;
  readonly createdAtMs: number;
  /** How the training went, where it is known. */
  readonly training?: TrainingFacts;
  /** Held-out questions with the replies before and after. They hold words of people: masked already, and kept apart. */
  readonly samples: readonly SampleReply[];
}

export interface TrainingFacts {
  readonly steps: number;
  readonly totalMs: number;
  readonly tokensPerSecond: number;
  readonly memoryPeakBytes: number;
  readonly rank: number;
  readonly epochs: number;
  readonly lossTrain: readonly LossPoint[];
  readonly lossValid: readonly LossPoint[];
}

export interface LossPoint {
  readonly step: number;
  readonly loss: number;
}

export interface SampleReply {
  readonly id: string;
  readonly question: string;
  readonly expected: string;
  readonly base: string;
  readonly adapter: string;
}

/** Draws the loss curve; charts are made elsewhere and passed in. */
export type DrawLossCurve = (curve: {
  readonly title: string;
  readonly train: readonly LossPoint[];
  readonly valid: readonly LossPoint[];
}) => { readonly svg: string; readonly png: Uint8Array };
