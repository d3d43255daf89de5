import type { EventBus } from "#events/event-bus.ts";
import type { JobQueue } from "#jobs/job-queue.ts";
import type { Archive } from "#store/archive.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { DeletionLog } from "#store/deletion-log.ts";
import type { FileStore } from "#store/file-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { Leases } from "#store/lease.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import type { ModelStore } from "#store/model-store.ts";
import type { ModerationStore } from "#store/moderation-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import type { RateLimiter } from "#store/rate-limiter.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { SettingStore } from "#store/setting-store.ts";
import type { SharedWindows } from "#store/shared-windows.ts";
import type { TurnVectorStore } from "#store/turn-vector-store.ts";

/** Every port that keeps something, and what several processes meet in. */
export interface Stores {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly models: ModelStore;
  readonly settings: SettingStore;
  readonly moderation: ModerationStore;
  readonly platforms: PlatformStore;
  readonly privacy: PrivacyStore;
  readonly deletions: DeletionLog;
  readonly vectors: TurnVectorStore;
  readonly cache: SemanticCache;
  readonly files: FileStore;
  /** Undefined where the machine that collects a run's data set is the one that trains. */
  readonly datasets?: FileStore;
  readonly leases: Leases;
  readonly rateLimiter: RateLimiter;
  /** With Redis: what the processes together may send. */
  readonly windows?: SharedWindows;
  /** With Redis: how many processes do the same. */
  readonly live?: LiveProcesses;
  readonly archive: Archive;
  readonly jobs: JobQueue;
  readonly events: EventBus;
  /** Undefined while records can be read and written; else why not, in words: nothing can be answered meanwhile. */
  describeOutage(): string | undefined;
  /** Undefined while all is well; else what works worse meanwhile, in words. */
  describeProblem(): string | undefined;
  close(): Promise<void>;
}
