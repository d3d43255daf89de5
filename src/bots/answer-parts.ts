import type { NewId, Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { Embedder } from "#inference/embedder.ts";
import type { AdapterFile, BaseModel, InferenceEngine, Sampling } from "#inference/inference-engine.ts";
import type { Moderator } from "#inference/moderator.ts";
import type { PromptEncoder } from "#inference/prompt-encoder.ts";
import type { SystemPromptFor } from "#inference/reply-language.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { ModelStore } from "#store/model-store.ts";
import type { RateLimiter } from "#store/rate-limiter.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { ServiceWatch } from "#trainer/service-watch.ts";
import type { CacheSettings } from "./answer-from-cache.ts";
import type { GapSettings } from "./place-conversation.ts";
import type { SettingsWatch } from "./place-settings.ts";
import type { ExampleFinder } from "./retrieve-examples.ts";
import type { DomainRouter } from "./route-domain.ts";

/** What answering needs; compose fills it. */
export interface AnswerParts {
  readonly chat: ChatStore;
  readonly cache: SemanticCache;
  readonly models: ModelStore;
  readonly engine: InferenceEngine;
  readonly encoder: PromptEncoder;
  readonly base: BaseModel;
  readonly embedder: Embedder | undefined;
  /** Undefined: no answer is ever shown to the model as an example. */
  readonly examples?: ExampleFinder;
  /** Judges replies before anybody sees them. Undefined: nobody does. */
  readonly moderator?: Moderator;
  readonly router: DomainRouter;
  readonly services: ServiceWatch;
  readonly rateLimiter: RateLimiter;
  readonly events: EventBus;
  /** Undefined when the file is not there; rejects with AdapterRefusedError when it is not what the store made. */
  readonly openAdapter: (digest: string) => Promise<AdapterFile | undefined>;
  /** Hex SHA-256; passed in because the rules of caching need a hash, not a library. */
  readonly hash: (text: string) => string;
  /** What admins set for the place of a message; `settings` is the same everywhere. */
  readonly places: Pick<SettingsWatch, "of">;
  readonly settings: AnswerSettings;
  readonly now: Now;
  readonly newId: NewId;
  readonly log: Log;
}

export interface AnswerSettings extends GapSettings {
  readonly systemPromptFor: SystemPromptFor;
  readonly cache: CacheSettings;
  readonly sampling: Sampling;
  readonly replyTokensMax: number;
  readonly replyTimeoutMs: number;
  /** At most this many earlier turns are read for the prompt; the context window usually cuts sooner. */
  readonly historyTurnsMax: number;
  /** Largest text file that is read beside a message; 0: none. */
  readonly attachmentMaxBytes: number;
}
