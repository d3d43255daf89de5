/** Whether a workspace's words may teach, and who allowed it in which words. */
export interface LearningPermission {
  readonly workspaceId: string;
  readonly level: LearningLevel;
  readonly grantedBy: string;
  readonly wordingVersion: number;
  readonly changedAtMs: number;
}

/** `examples`: liked answers may be shown to the model as examples; `adapters`: they may also train it. */
export type LearningLevel = "off" | "examples" | "adapters";

/**
 * What holds until an admin says something: the local platform is the operator's own machine and learns; Discord and Slack
 * restrict training on what their APIs give, so their workspaces wait for an admin's word.
 */
export function learningLevelOf(permission: LearningPermission | undefined, workspaceId: string): LearningLevel {
  return permission?.level ?? (workspaceId.startsWith("local:") ? "adapters" : "off");
}

/** A person's own word; it always wins over the workspace's. */
export interface UserChoice {
  readonly workspaceId: string;
  readonly userId: string;
  readonly learns: boolean;
  readonly changedAtMs: number;
}

export interface AuditEntry {
  readonly id: string;
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
  readonly workspaceId?: string;
  readonly before?: string;
  readonly after?: string;
}

/** A channel, or a whole workspace, whose words went, and when: every restore replays it. */
export interface ErasedPlace {
  readonly workspaceId: string;
  /** Undefined: the whole workspace. */
  readonly channelId?: string;
  readonly atMs: number;
}

/** Whose data went and when: every restore replays it. */
export interface Deletion {
  readonly workspaceId: string;
  readonly userId: string;
  readonly atMs: number;
}
