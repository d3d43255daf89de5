import type { AuditEntry, Deletion, ErasedPlace, LearningPermission, UserChoice } from "#core/people.ts";

/** Port: who allowed what, who did what, whose data went. */
export interface PeopleStore {
  getPermission(workspaceId: string): Promise<LearningPermission | undefined>;
  putPermission(permission: LearningPermission): Promise<void>;
  getChoice(workspaceId: string, userId: string): Promise<UserChoice | undefined>;
  putChoice(choice: UserChoice): Promise<void>;
  /** Ids of the people of a workspace who opted out of learning. */
  listOptedOut(workspaceId: string): Promise<readonly string[]>;
  appendAudit(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  listAudit(limit: number): Promise<readonly AuditEntry[]>;
  recordDeletion(deletion: Deletion): Promise<void>;
  listDeletions(): Promise<readonly Deletion[]>;
  /** Oldest first. */
  listErasedPlaces(): Promise<readonly ErasedPlace[]>;
}
