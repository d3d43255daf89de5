import type { NewId, Now } from "#core/clock.ts";
import type { Feedback } from "#core/feedback.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { Run } from "#core/learning.ts";
import type { Log } from "#core/log.ts";
import type { LearningLevel, LearningPermission } from "#core/people.ts";
import type { Readiness } from "#core/readiness.ts";
import { audienceOf, type LearningScope, type Platform } from "#core/scope.ts";
import type { Service } from "#core/service.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { InferenceEngine } from "#inference/inference-engine.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { Leases } from "#store/lease.ts";
import type { ModelStore } from "#store/model-store.ts";
import type { ModerationStore } from "#store/moderation-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { SettingStore } from "#store/setting-store.ts";
import type { AdapterView, RollBackAct } from "#trainer/activate-adapter.ts";
import type { DomainReadiness } from "#trainer/read-readiness.ts";
import type { CommandCall } from "./chat-command.ts";
import type { PlatformFeedback } from "./intake.ts";
import type { SettingRules, SettingsWatch } from "./place-settings.ts";

/** What the commands stand on; compose fills it. */
export interface CommandParts {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly models: ModelStore;
  readonly settingStore: SettingStore;
  readonly moderation: ModerationStore;
  readonly leases: Leases;
  readonly events: EventBus;
  readonly settings: SettingsWatch;
  readonly rules: SettingRules;
  /** What the configuration says where no admin said anything: JSON text. Undefined where it has no value. */
  readonly configured: (key: string, platform: Platform) => string | undefined;
  readonly engine: Pick<InferenceEngine, "list">;
  readonly domains: readonly string[];
  readonly training: TrainingActs;
  readonly permission: PermissionActs;
  readonly privacy: PrivacyActs;
  /** As the intake of feedback does it; undefined when the message is no reply of ours. */
  readonly collectFeedback: (feedback: PlatformFeedback) => Promise<Feedback | undefined>;
  /** As the intake of messages does it: durable, then answered. */
  readonly acceptMessage: (eventId: string, message: IncomingMessage) => Promise<unknown>;
  /** PNG. Rejects where pictures cannot be drawn; the text then stands alone. */
  readonly drawReadiness: (title: string, readiness: Readiness) => Promise<Uint8Array>;
  /** Markdown, to where the admins of a workspace look. */
  readonly tellAdmins: (workspaceId: string, text: string) => Promise<void>;
  readonly now: Now;
  readonly newId: NewId;
  readonly log: Log;
}

/** The trainer's use cases, bound to their parts. */
export interface TrainingActs {
  /** The workspace as a whole first, then its domains. */
  readonly readReadiness: (workspace: Omit<LearningScope, "domain">) => Promise<readonly DomainReadiness[]>;
  readonly request: (scope: LearningScope, by: string) => Promise<Run>;
  /** Newest first, of every workspace. */
  readonly listAdapters: () => Promise<readonly AdapterView[]>;
  readonly activate: (digest: string, act: { readonly by: string; readonly reason: string }) => Promise<Service>;
  readonly rollBack: (scope: LearningScope, act: RollBackAct) => Promise<Service>;
}

export interface PermissionActs {
  readonly wording: { readonly version: number; readonly text: string };
  readonly read: (
    workspaceId: string,
  ) => Promise<{ readonly level: LearningLevel; readonly permission?: LearningPermission }>;
  /** Leaves its own audit entry. `text` is Markdown for the admin. */
  readonly allow: (act: {
    readonly workspaceId: string;
    readonly level: LearningLevel;
    readonly by: string;
    readonly nowMs: number;
  }) => Promise<{ readonly text: string }>;
}

/** All of one person in one workspace. Texts are Markdown. */
export interface PrivacyActs {
  readonly describe: (person: Person) => Promise<string>;
  readonly choose: (person: Person, learns: boolean) => Promise<string>;
  /** JSON text. */
  readonly exportData: (person: Person) => Promise<string>;
  readonly forget: (person: Person) => Promise<string>;
}

export interface Person {
  readonly workspaceId: string;
  readonly userId: string;
}

/**
 * What an admin command may see and change: the workspace of the call, and there what is said in public; called in a private
 * channel or a direct message, what is said in that place alone.
 */
export function scopeOfCall({ workspaceId, visibility, channelId }: CommandCall): Omit<LearningScope, "domain"> {
  return { workspaceId, audience: audienceOf(visibility, channelId) };
}

export interface AdminAct {
  readonly what: string;
  readonly before?: string;
  readonly after?: string;
}

/** Every change an admin makes leaves one entry; use cases that leave their own are not recorded twice. */
export async function recordAct(parts: CommandParts, call: CommandCall, act: AdminAct): Promise<void> {
  await parts.people.appendAudit({
    id: parts.newId(),
    atMs: parts.now(),
    who: call.userId,
    workspaceId: call.workspaceId,
    ...act,
  });
}
