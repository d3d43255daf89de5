/** Port: how often all processes together may do something, as somebody counts who counts them all. */
export interface SharedWindows {
  /**
   * Takes one of the `places` that any `perMs` have, under a name of the caller's: 0, or after how many ms to come back. The place is
   * held until `perMs` after its answer; without one, until `PLACE_HELD_MS` later than if it had been answered at once. Never rejects:
   * while nobody can count for all, each process counts for itself, and this says 0.
   */
  take(key: string, place: string, places: number, perMs: number): Promise<number>;
  /** What the place was taken for was answered now: whenever it was counted before, that window is over `perMs` from now. */
  noteAnswered(key: string, place: string, perMs: number): Promise<void>;
  /** How many of them are free now; all while nobody can count for all. */
  left(key: string, places: number, perMs: number): Promise<number>;
}

/** What is sent on a busy machine arrives this late at most; a process that died in between holds up the others for no longer. */
export const PLACE_HELD_MS = 2000;
