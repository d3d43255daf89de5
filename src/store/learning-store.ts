import type { Feedback } from "#core/feedback.ts";
import type { Adapter, Dataset, LearningCounts, Run, RunEvent } from "#core/learning.ts";
import type { LearningScope } from "#core/scope.ts";
import type { Service } from "#core/service.ts";
import type { Turn } from "#core/turn.ts";

/** Port: what was learned from what, and what is in service. */
export interface LearningStore {
  /** Counts of turns asked at or after `sinceMs` (rounded down to a UTC day). Costs the same at any number of turns. */
  readCounts(scope: LearningScope, sinceMs: number): Promise<LearningCounts>;
  /** Counts everything again from turns and feedback; for repair and for the contract test. */
  rebuildCounts(): Promise<void>;
  /** Every scope with at least one complete turn, `ALL_DOMAINS` scopes left out. */
  listScopes(): Promise<readonly LearningScope[]>;
  /**
   * Complete turns of a scope with feedback, served again from the cache, or regenerated; oldest first, in pages.
   * `after` is the id of the last turn of the page before.
   */
  pageRatedTurns(query: RatedTurnsQuery): Promise<readonly RatedTurn[]>;

  saveDataset(dataset: Dataset): Promise<void>;
  findDataset(hash: string): Promise<Dataset | undefined>;

  saveRun(run: Run): Promise<void>;
  findRun(id: string): Promise<Run | undefined>;
  /** Newest first. */
  listRuns(query: { readonly scope?: LearningScope; readonly limit: number }): Promise<readonly Run[]>;
  /** Returns the event with its sequence. At most 5,000 events a run are kept, newest first to stay. */
  appendRunEvent(event: Omit<RunEvent, "sequence">): Promise<RunEvent>;
  /** Oldest first. */
  listRunEvents(runId: string, afterSequence: number, limit: number): Promise<readonly RunEvent[]>;

  /** Rejects when the digest is known with other contents: one digest, one meaning. State and grade may change. */
  saveAdapter(adapter: Adapter): Promise<void>;
  findAdapter(digest: string): Promise<Adapter | undefined>;
  /** Newest first. */
  listAdapters(scope?: LearningScope): Promise<readonly Adapter[]>;

  getService(scope: LearningScope): Promise<Service | undefined>;
  listServices(): Promise<readonly Service[]>;
  /** True when the stored epoch was `expectedEpoch` (0: none stored) and `next` was written; false when somebody was faster. */
  compareAndSetService(next: Service, expectedEpoch: number): Promise<boolean>;
}

export interface RatedTurnsQuery {
  readonly scope: LearningScope;
  readonly sinceMs: number;
  readonly after?: string;
  readonly limit: number;
  /** The other way round: newest first. */
  readonly isNewestFirst?: boolean;
}

export interface RatedTurn {
  readonly turn: Turn;
  /** Earlier turns whose words were in the prompt, oldest first. */
  readonly inputs: readonly Turn[];
  readonly feedback: readonly Feedback[];
  /** How often its reply was served again from the cache and not disliked there. */
  readonly servedAgain: number;
}
