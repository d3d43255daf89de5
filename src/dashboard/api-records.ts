/** What the HTTP API says, in JSON. The pages import these types; nothing else crosses to the browser. */
import type { Score } from "#core/feedback.ts";
import type { Grade, RunEvent, RunProgress, RunState } from "#core/learning.ts";
import type { Criterion, Light } from "#core/readiness.ts";
import type { CacheUse, DomainChoice, TurnStatus } from "#core/turn.ts";

export interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export interface AppState {
  readonly version: string;
  readonly assistantName: string;
  readonly model: ModelView;
  readonly domains: readonly DomainView[];
  readonly training: TrainingAvailability;
  readonly platforms: readonly PlatformView[];
  readonly messageCharsMax: number;
  readonly person: { readonly isAdmin: boolean };
}

export interface ModelView {
  readonly name: string;
  readonly digest: string;
  /** A small built-in model answers in place of the one that was asked for. */
  readonly isStandIn: boolean;
}

export interface DomainView {
  /** Pages show it with a capital letter. */
  readonly id: string;
  /** One line for people: what the domain is about. */
  readonly title: string;
  readonly exampleQuestions: readonly string[];
}

/** `why` and `hint` are there when training is not available. */
export interface TrainingAvailability {
  readonly isAvailable: boolean;
  readonly why?: string;
  readonly hint?: string;
}

export interface PlatformView {
  readonly platform: string;
  readonly isOn: boolean;
  /** For people: "on", "off: set DISCORD_TOKEN in .env". */
  readonly why: string;
}

export interface ConversationView {
  readonly id: string;
  readonly threadId?: string;
  readonly title: string;
  readonly domain: string;
  readonly turns: number;
  readonly openedAtMs: number;
  readonly lastTurnAtMs: number;
  readonly isClosed: boolean;
}

export interface TurnView {
  readonly id: string;
  readonly conversationId: string;
  readonly threadId?: string;
  readonly position: number;
  readonly regenerationOf?: string;
  /** The id that `POST /api/messages` answered with. */
  readonly messageId?: string;
  readonly question: string;
  readonly reply: string;
  /** What was shown in place of `reply` when that differs (why it failed, what was cut); told only when the reply ends. */
  readonly shown?: string;
  readonly status: TurnStatus;
  readonly domain: DomainChoice;
  readonly model: string;
  /** Undefined: the base model answered. */
  readonly adapter?: { readonly digest: string; readonly name: string };
  readonly cache: CacheUse;
  readonly promptTokens: number;
  readonly replyTokens: number;
  readonly firstTokenMs?: number;
  readonly totalMs: number;
  readonly turnsCut: number;
  readonly endedBy: string;
  readonly askedAtMs: number;
  readonly repliedAtMs?: number;
  /** Of the person who asks. */
  readonly feedback: FeedbackView;
}

export interface FeedbackView {
  readonly score?: Score;
  readonly comment?: string;
  readonly correction?: string;
}

export interface ReadinessView {
  /** A domain's id, or `*`: the workspace as a whole. */
  readonly domain: string;
  readonly light: Light;
  readonly progress: number;
  readonly criteria: readonly Criterion[];
  readonly missing: readonly string[];
  readonly service: ServiceView;
  readonly activeRunId?: string;
}

/** What answers new conversations of a domain. */
export interface ServiceView {
  readonly adapter?: AdapterName;
  readonly previous?: AdapterName;
  /** `adapter` belongs to another base model, so the base model answers. */
  readonly isDormant: boolean;
  readonly canRollBack: boolean;
  readonly reason: string;
  readonly changedAtMs?: number;
}

export interface AdapterName {
  readonly digest: string;
  readonly name: string;
}

export interface AdapterView extends AdapterName {
  readonly domain: string;
  readonly grade: Grade;
  /** `previous`: what a roll back puts back. `dormant`: of another base model than the one that answers. */
  readonly state: "active" | "canary" | "previous" | "candidate" | "retired" | "rejected" | "dormant";
  readonly bytes: number;
  readonly createdAtMs: number;
  readonly runId: string;
  readonly canActivate: boolean;
}

export interface RunView {
  readonly id: string;
  readonly domain: string;
  readonly state: RunState;
  readonly hasEnded: boolean;
  readonly requestedBy: string;
  readonly requestedAtMs: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly progress?: RunProgress;
  readonly adapter?: AdapterName;
  readonly grade?: Grade;
  readonly verdict?: string;
  readonly error?: ApiError;
}

export interface RunDetails {
  readonly run: RunView;
  /** After the asked sequence, oldest first. */
  readonly events: readonly RunEvent[];
  /** Ask again at once with the last sequence. */
  readonly hasMore: boolean;
  /** Empty until the run was evaluated. */
  readonly figures: readonly RunFigure[];
}

/** One measured figure of a run's evaluation, in words for people. */
export interface RunFigure {
  readonly label: string;
  /** Of the base model, where both were measured. */
  readonly before?: number;
  readonly after: number;
  /** Bootstrap interval of `after`. */
  readonly low?: number;
  readonly high?: number;
  readonly unit?: string;
  /** Undefined: no threshold stands behind it. */
  readonly isGood?: boolean;
}

export interface CacheView {
  readonly entries: number;
  readonly exactHits: number;
  readonly nearHits: number;
  readonly misses: number;
  readonly skipped: number;
  readonly bytes: number;
}

/** What `GET /api/events` sends, one JSON object per event; the event's name is `kind`. */
export type ServerEvent =
  | { readonly kind: "reply"; readonly turnId: string; readonly messageId: string; readonly text: string }
  | { readonly kind: "turn"; readonly turn: TurnView }
  /** A reply that is no turn: a refusal, or the answer to a command such as `/new`. */
  | { readonly kind: "notice"; readonly messageId: string; readonly text: string }
  | { readonly kind: "run"; readonly run: RunView }
  /** Readiness or what is in service may have changed. */
  | { readonly kind: "learning" };
