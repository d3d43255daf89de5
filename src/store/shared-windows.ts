/** Port: how often all processes together may do something, as somebody counts who counts them all. */
export interface SharedWindows {
  /**
   * Takes one of the `places` that any `perMs` have: 0, or after how many ms to come back. Never rejects: while nobody can count for
   * all, each process counts for itself, and this says 0.
   */
  take(key: string, places: number, perMs: number): Promise<number>;
  /** How many of them are free now; all while nobody can count for all. */
  left(key: string, places: number, perMs: number): Promise<number>;
}
