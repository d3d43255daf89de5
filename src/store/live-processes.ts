/** Port: how many are at the same work: processes, or what they have begun. */
export interface LiveProcesses {
  /** Says that `member` lives for another `ttlMs`; how many do, this one included. Rejects while nobody can count for all. */
  beat(work: string, member: string, ttlMs: number): Promise<number>;
  /** The others need not wait for the end of its time. */
  leave(work: string, member: string): Promise<void>;
}
