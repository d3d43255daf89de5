/** Port: work that outlives a restart. At-least-once: a worker must be able to meet a job that was half done. */
export interface JobQueue {
  /** The same id twice is one job: the stored one is returned unchanged, also after it ended. */
  enqueue(request: JobRequest): Promise<Job>;
  /** Calls `run` for one due job after another until the signal aborts; at most `parallel` at once, one per `key`. */
  work(kind: string, run: JobRunner, options: WorkOptions): Promise<void>;
  get(id: string): Promise<Job | undefined>;
  /** Newest first. */
  list(query: { readonly kind?: string; readonly limit: number }): Promise<readonly Job[]>;
  /** A queued job ends at once; a running one gets its signal aborted within a second, also in another process. False when it had ended. */
  cancel(id: string): Promise<boolean>;
  /** Deletes up to `limit` jobs that ended before `beforeMs`, oldest first; returns how many. Their ids are free again. */
  prune(beforeMs: number, limit: number): Promise<number>;
}

export interface JobRequest {
  readonly id: string;
  readonly kind: string;
  /** Jobs of one key never run at the same time. */
  readonly key: string;
  readonly payload: unknown;
  readonly priority: number;
  readonly attemptsMax: number;
  readonly notBeforeMs?: number;
}

export interface Job extends JobRequest {
  readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly endedAtMs?: number;
  readonly error?: string;
}

/** Rejecting means a retry with back-off until `attemptsMax`. */
export type JobRunner = (job: Job, signal: AbortSignal) => Promise<void>;

export interface WorkOptions {
  readonly parallel: number;
  /** A job whose worker has not renewed for this long is taken over. */
  readonly leaseMs: number;
  readonly signal: AbortSignal;
}
