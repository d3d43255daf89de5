import type { LearningScope } from "./scope.ts";

/** Counts over the data window, kept up to date by the store with every turn and score: reading them costs the same at any size. */
export interface LearningCounts {
  readonly conversations: number;
  /** A turn is two messages. */
  readonly messages: number;
  readonly feedback: number;
  readonly scoreSum: number;
  /** Turns whose reply was liked or corrected. */
  readonly examples: number;
  readonly raters: number;
  /** Since the first turn, not only in the window: the difference to the count at the last run is what is new. */
  readonly examplesEver: number;
}

export interface Adapter {
  /** SHA-256 of the GGUF file; the file's name and the adapter's identity. */
  readonly digest: string;
  /** `reactune-<domain>-<yyyymmdd>-<hash8>`. */
  readonly name: string;
  readonly baseDigest: string;
  readonly scope: LearningScope;
  readonly runId: string;
  readonly datasetHash: string;
  readonly bytes: number;
  readonly grade: Grade;
  /** `active` and `canary` are not here: the service record says so. */
  readonly state: "candidate" | "retired" | "rejected";
  readonly createdAtMs: number;
}

export type Grade = "A" | "B" | "C" | "D" | "E" | "F";

/** What a data set was made of. Its words exist only during a run or an export; here are ids and counts. */
export interface Dataset {
  /** SHA-256 of train.jsonl and valid.jsonl. */
  readonly hash: string;
  readonly scope: LearningScope;
  readonly createdAtMs: number;
  readonly days: number;
  readonly train: number;
  readonly valid: number;
  readonly negatives: number;
  readonly pairs: number;
  readonly liked: number;
  readonly corrected: number;
  readonly servedAgain: number;
  readonly dropped: readonly DroppedRows[];
  readonly sourceTurnIds: readonly string[];
}

export interface DroppedRows {
  readonly filter: string;
  readonly rows: number;
  readonly why: string;
}

export type RunState =
  | "queued"
  | "collecting"
  | "preflight"
  | "training"
  | "evaluating"
  | "activating"
  | "activated"
  | "waiting-for-approval"
  | "rejected"
  | "failed"
  | "cancelled";

export interface Run {
  readonly id: string;
  readonly scope: LearningScope;
  readonly state: RunState;
  readonly requestedBy: string;
  readonly requestedAtMs: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly progress?: RunProgress;
  readonly datasetHash?: string;
  /** SHA-256 of the file with its words, where other machines can take the run over; the file is there while the run goes on. */
  readonly datasetFile?: string;
  readonly adapterDigest?: string;
  readonly grade?: Grade;
  /** One sentence for people: why it was activated or rejected. */
  readonly verdict?: string;
  /** `LearningCounts.examplesEver` at the start. */
  readonly examplesEver: number;
  readonly attempts: number;
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string };
}

export interface RunProgress {
  readonly phase: RunState;
  readonly step: number;
  readonly stepsTotal: number;
  readonly epoch?: number;
  readonly lossTrain?: number;
  readonly lossValid?: number;
  readonly tokensPerSecond?: number;
  readonly memoryBytes?: number;
  readonly leftMs?: number;
}

/** One line of a run's live log, oldest first by `sequence`. */
export interface RunEvent {
  readonly runId: string;
  /** Given by the store, from 1. */
  readonly sequence: number;
  readonly atMs: number;
  readonly level: "info" | "warning" | "error";
  readonly message: string;
  readonly progress?: RunProgress;
}

export function hasEnded(state: RunState): boolean {
  return ["activated", "waiting-for-approval", "rejected", "failed", "cancelled"].includes(state);
}
