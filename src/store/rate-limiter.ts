/** Port: how often somebody may do something. */
export interface RateLimiter {
  /** Takes one of `points` per `windowMs`; tells after how long to come back when none is left. */
  take(key: string, points: number, windowMs: number, nowMs: number): Promise<RateTaken>;
}

export interface RateTaken {
  readonly isAllowed: boolean;
  /** 0 when allowed. */
  readonly retryAfterMs: number;
}
