import type { DroppedRows } from "#core/learning.ts";
import type { LearningScope } from "#core/scope.ts";
import type { PromptMessage } from "#inference/inference-engine.ts";

/** One example: a prompt as the engine gets it, and the one reply to learn. */
export interface DatasetRow {
  /** Id of the turn it was made of. */
  readonly id: string;
  readonly kind: "liked" | "corrected" | "served-again";
  readonly messages: readonly PromptMessage[];
  readonly target: string;
  /** Corrected 1; liked 0.8 at a mean score of 4 to 1 at 5; served again as the setting says. */
  readonly weight: number;
  /** A hash: rows of one conversation share it and nothing else is told by it. */
  readonly conversation: string;
}

/** A reply that people did not like. */
export interface NegativeRow {
  readonly id: string;
  readonly messages: readonly PromptMessage[];
  readonly target: string;
  /** Mean score, 1 to 2. */
  readonly scoreMean: number;
  readonly conversation: string;
  readonly split: Split;
}

/** Two replies to one prompt, one of them better. */
export interface PairRow {
  readonly id: string;
  readonly turnIds: readonly string[];
  readonly source: "correction" | "regeneration" | "same-question";
  readonly messages: readonly PromptMessage[];
  readonly liked: string;
  readonly disliked: string;
  readonly conversation: string;
  readonly split: Split;
}

/** Rows whose conversation, or a nearly equal question, is held out are `valid`. */
export type Split = "train" | "valid";

export interface DatasetSettings {
  readonly examplesPerUserMax: number;
  readonly validRatio: number;
  readonly replyMaxChars: number;
  readonly questionMaxChars: number;
  readonly nearDuplicateSimilarity: number;
  readonly servedAgainWeight: number;
  readonly seed: number;
}

export interface BuiltDataset {
  readonly scope: LearningScope;
  readonly createdAtMs: number;
  readonly days: number;
  readonly settings: DatasetSettings;
  readonly train: readonly DatasetRow[];
  readonly valid: readonly DatasetRow[];
  readonly negatives: readonly NegativeRow[];
  readonly pairs: readonly PairRow[];
  /** Every turn whose words are in a row, a negative or a pair: also those of their prompts. */
  readonly sourceTurnIds: readonly string[];
  readonly dropped: readonly DroppedRows[];
  /** Values replaced by placeholders in what is kept. */
  readonly masked: { readonly secrets: number; readonly personalData: number };
  /** What a reader should know, in plain words: "all questions are alike, so none could be held out". */
  readonly notes: readonly string[];
}
