/** A reply that somebody reported to the admins. One per reply and person. */
export interface Report {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly turnId: string;
  readonly reportedBy: string;
  readonly reason?: string;
  readonly atMs: number;
  /** Set when an admin has dealt with it. */
  readonly closedBy?: string;
  readonly closedAtMs?: number;
}
