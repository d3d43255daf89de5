/** Port: which base models were used, and how they did. Certification joins it with its own issue. */
export interface ModelStore {
  /** Adds one reply to the model's counters. */
  saveUse(use: ModelUse): Promise<void>;
  /** One row per model, most recently used first. */
  queryUse(): Promise<readonly ModelUseTotals[]>;
}

export interface ModelUse {
  readonly modelDigest: string;
  readonly modelName: string;
  readonly atMs: number;
  readonly failed: boolean;
  readonly totalMs: number;
  readonly replyTokens: number;
}

export interface ModelUseTotals {
  readonly modelDigest: string;
  readonly modelName: string;
  readonly lastUsedAtMs: number;
  readonly requests: number;
  readonly errors: number;
  readonly totalMs: number;
  readonly replyTokens: number;
}
