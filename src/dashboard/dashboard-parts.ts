import type { ChatCommand } from "#bots/chat-command.ts";
import type { PlatformFeedback } from "#bots/intake.ts";
import type { LocalChat } from "#bots/local-chat.ts";
import type { CommandRunner } from "#bots/run-command.ts";
import type { NewId, Now } from "#core/clock.ts";
import type { Run } from "#core/learning.ts";
import type { Log } from "#core/log.ts";
import type { Readiness } from "#core/readiness.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { AppState, RunFigure } from "./api-records.ts";
import type { IntakeOf } from "./replay-routes.ts";
import type { SetupParts } from "./setup-records.ts";

/** What the HTTP server stands on. It decides nothing: it reads stores and starts use cases. */
export interface DashboardParts {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly cache: SemanticCache;
  readonly localChat: LocalChat;
  readonly events: EventBus;
  readonly now: Now;
  readonly newId: NewId;
  readonly log: Log;
  /** Names under which the server may be asked, without port; loopback names are always allowed. */
  readonly hosts: readonly string[];
  /** Folder of the built pages. */
  readonly pagesDirectory: string;
  /** Undefined: no set-up on the web, because the server can be reached from other computers. */
  readonly setup?: SetupParts;
  /** For `reactune replay`, from this computer only. Undefined: not offered. */
  readonly intakeOf?: IntakeOf;
  /** Undefined: a line that begins with "/" is a question like others. */
  readonly chatCommands?: PageCommands;

  readState(): Promise<Omit<AppState, "person">>;
  /** Undefined when messages can be answered; else why not, in words. */
  readUnready(): Promise<string | undefined>;
  /** What works worse for now although messages are answered; undefined when all is well. */
  describeProblem(): string | undefined;
  /** One per domain, and one for `ALL_DOMAINS`: the local workspace as a whole. */
  readReadiness(): Promise<readonly DomainReadiness[]>;
  /** Figures of the run's evaluation; empty before it. */
  readRunFigures(runId: string): Promise<readonly RunFigure[]>;
  /** Rejects with NotReadyError, DomainUnknownError, TrainingUnavailableError. */
  requestTraining(domain: string, by: string): Promise<Run>;
  /** False when the run had ended. */
  cancelRun(runId: string, by: string): Promise<boolean>;
  /** Rejects with AdapterNotFoundError, AdapterRefusedError, ServiceConflictError. */
  activateAdapter(digest: string, by: string): Promise<void>;
  rollBack(domain: string, by: string): Promise<void>;
  /** False when the turn is not being answered. */
  stopTurn(turnId: string): boolean;
  startNewConversation(place: { readonly channelId: string; readonly threadId?: string }): Promise<void>;
  /** Resolves when the feedback is durable. */
  collectFeedback(feedback: PlatformFeedback): Promise<unknown>;
}

/** The commands of every platform, for the web chat. */
export interface PageCommands {
  readonly commands: readonly ChatCommand[];
  readonly runner: CommandRunner;
}

export interface DomainReadiness {
  readonly domain: string;
  readonly readiness: Readiness;
}
