/**
 * Port: replies to self-contained questions, to be served again. `scope` is a hash of everything that must be equal for a
 * reply to be valid: learning scope, model, adapter, embedder, system prompt, retrieved examples.
 */
export interface SemanticCache {
  /** By the exact normalised question. Undefined when absent or older than its time to live. Counts a hit. */
  get(scope: string, question: string, nowMs: number): Promise<CacheEntry | undefined>;
  /** The few newest entries with this signature; it only proposes, the asker decides. Counts nothing. */
  findBySignature(scope: string, signature: string, nowMs: number): Promise<readonly CacheEntry[]>;
  /** At most `limit` entries by falling cosine, none below `similarityMin`. Counts nothing. */
  findNearest(query: NearestQuery): Promise<readonly NearEntry[]>;
  /** Replaces the entry of the same question, keeps none of a turn that the same store erased; the oldest entries of a scope go when `entriesMax` is passed. */
  put(entry: CacheEntry, entriesMax: number): Promise<void>;
  /** Counts an outcome in the statistics. */
  count(outcome: "exact" | "near" | "miss" | "skipped"): Promise<void>;
  /** Removes every entry whose reply came from this turn; returns how many. */
  evictTurn(turnId: string): Promise<number>;
  /** Removes all, or what expired before `expiredBeforeMs`; returns how many. */
  clear(expiredBeforeMs?: number): Promise<number>;
  stats(): Promise<CacheStats>;
  /** Newest first. */
  inspect(limit: number): Promise<readonly CacheEntry[]>;
}

export interface CacheEntry {
  readonly scope: string;
  /** Normalised: the exact key. */
  readonly question: string;
  /** Equal for questions that seem to ask the same; undefined for those found by their exact words or vector only. */
  readonly signature?: string;
  readonly reply: string;
  readonly turnId: string;
  readonly domain: string;
  /** Unit length; undefined where no embedder was there. */
  readonly vector?: Float32Array;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly hits: number;
}

export interface NearestQuery {
  readonly scope: string;
  readonly vector: Float32Array;
  readonly similarityMin: number;
  readonly limit: number;
  readonly nowMs: number;
}

export interface NearEntry {
  readonly entry: CacheEntry;
  /** Cosine, -1 to 1. */
  readonly similarity: number;
}

export interface CacheStats {
  readonly entries: number;
  readonly exactHits: number;
  readonly nearHits: number;
  readonly misses: number;
  /** Questions that were not cacheable (follow-ups, too long). */
  readonly skipped: number;
  readonly bytes: number;
}
