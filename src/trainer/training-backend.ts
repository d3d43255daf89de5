/** Port: turns rows of tokens into a LoRA adapter, and measures one. */
export interface TrainingBackend {
  /** What is missing, if anything, and how long it would take; rejects with TrainingUnavailableError only when it cannot even look. */
  preflight(job: TrainJob, signal: AbortSignal): Promise<Preflight>;
  /** Resumes from the newest checkpoint in `job.directory`. Rejects with TrainingFailedError, or the signal's reason when cancelled. */
  train(job: TrainJob, report: (event: TrainEvent) => void, signal: AbortSignal): Promise<TrainResult>;
  evaluate(job: EvaluateJob, report: (event: TrainEvent) => void, signal: AbortSignal): Promise<EvaluateResult>;
}

export interface TrainJob {
  readonly runId: string;
  readonly baseGguf: string;
  /** Checkpoints and results are written here. */
  readonly directory: string;
  /** JSON lines `{id, prompt: ids, target: ids, weight}`. */
  readonly trainRows: string;
  /** Absent when nothing could be held out: the last pass is kept. */
  readonly validRows?: string;
  /** The base model's own answers to general prompts, against forgetting. */
  readonly replayRows?: string;
  readonly domain: string;
  readonly baseDigest: string;
  readonly datasetHash: string;
  readonly settings: TrainSettings;
}

export interface TrainSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly batchExamples: number;
  readonly accumulation: number;
  readonly contextTokens: number;
  /** Small data sets are repeated until this many optimiser steps. */
  readonly stepsMin: number;
  readonly checkpointEverySteps: number;
  readonly seed: number;
  readonly threads: number;
}

export interface Preflight {
  readonly problems: readonly { readonly code: string; readonly message: string; readonly hint: string }[];
  readonly warnings: readonly string[];
  /** What computes, and how wide the base is meanwhile, in words. */
  readonly backend?: string;
  readonly minutesEstimated?: number;
  readonly memoryBytesEstimated?: number;
}

export type TrainEvent =
  | {
      readonly kind: "progress";
      readonly step: number;
      readonly stepsTotal: number;
      readonly epoch?: number;
      readonly lossTrain?: number;
      readonly tokensPerSecond?: number;
      readonly memoryBytes?: number;
      readonly leftMs?: number;
    }
  | { readonly kind: "validated"; readonly step: number; readonly lossValid: number }
  | { readonly kind: "checkpoint"; readonly step: number }
  | { readonly kind: "warning"; readonly code: string; readonly message: string };

export interface TrainResult {
  readonly adapterPath: string;
  readonly digest: string;
  readonly bytes: number;
  readonly steps: number;
  readonly lossTrainFirst: number;
  readonly lossTrainLast: number;
  readonly lossValidFirst?: number;
  readonly lossValidBest?: number;
  readonly tokensPerSecond: number;
  readonly memoryPeakBytes: number;
  readonly totalMs: number;
  /** Settings after the out-of-memory ladder. */
  readonly settings: TrainSettings;
}

export interface EvaluateJob {
  readonly runId: string;
  readonly baseGguf: string;
  readonly adapterPath: string;
  readonly directory: string;
  readonly sets: readonly { readonly name: string; readonly rows: string }[];
  /** JSON lines `{id, prompt, liked: ids, disliked: ids}`. */
  readonly pairs?: string;
  /** JSON lines `{id, prompt, generated: ids}`: the engine's greedy replies with this adapter. */
  readonly parity?: string;
  readonly contextTokens: number;
  readonly threads: number;
}

/** Raw figures per row; statistics are drawn from them by `core/grade.ts`. Losses are nats per answer token. */
export interface EvaluateResult {
  readonly rows: readonly EvaluatedRow[];
  readonly pairs: readonly EvaluatedPair[];
  /** Share of tokens on which trainer and engine agree, 0 to 1. */
  readonly parity: readonly { readonly id: string; readonly tokens: number; readonly agreement: number }[];
}

export interface EvaluatedRow {
  readonly set: string;
  readonly id: string;
  readonly tokens: number;
  readonly lossBase: number;
  readonly lossAdapter: number;
}

/** Mean log-probability per token. */
export interface EvaluatedPair {
  readonly id: string;
  readonly likedBase: number;
  readonly likedAdapter: number;
  readonly dislikedBase: number;
  readonly dislikedAdapter: number;
}
