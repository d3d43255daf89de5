/** Port: a language model that answers, alone or with one LoRA adapter. */
export interface InferenceEngine {
  /** The base models it serves; the first is the default. */
  list(): Promise<readonly BaseModel[]>;
  /** Loads the base (and the adapter) so that the next reply does not wait. Rejects with ModelNotFoundError, AdapterRefusedError. */
  prepare(request: PrepareRequest): Promise<void>;
  /**
   * Streams the reply: `text` chunks, then exactly one `end`. Rejects with QueueFullError when too many wait, with
   * InferenceUnavailableError when the model fails, with ReplyBrokenOffError when it fails midway. Aborting the signal ends the stream with `endedBy: "cancelled"`.
   */
  generate(request: GenerateRequest): AsyncIterable<GenerateChunk>;
  /** Frees an adapter once its last stream has ended. */
  release(adapterDigest: string): Promise<void>;
  health(): Promise<EngineHealth>;
}

export interface BaseModel {
  readonly name: string;
  /** SHA-256 of weights, tokenizer and template: the base's identity on any host. */
  readonly digest: string;
  readonly architecture: string;
  /** 0 where its server does not tell. */
  readonly parameters: number;
  readonly contextTokens: number;
  /** The GGUF file, where it is on this machine; training reads it. */
  readonly path?: string;
  /** Set when a small built-in model stands in for the real one: pages say so. */
  readonly isStandIn: boolean;
  /** Images beside a question reach it, and it sees them. */
  readonly seesImages?: true;
  /** When its server takes adapters: when the server starts, or never. Unset: whenever one is asked for. */
  readonly adapters?: "at-start" | "never";
}

export interface AdapterFile {
  readonly digest: string;
  readonly path: string;
}

export interface PrepareRequest {
  readonly adapter?: AdapterFile;
}

export interface PromptMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
  /** PNG or JPEG files, for models that see. Engines that cannot pass them on leave them out. */
  readonly images?: readonly Uint8Array[];
}

export interface GenerateRequest {
  /** Streams of different conversations get their turns fairly. */
  readonly conversationId: string;
  readonly messages: readonly PromptMessage[];
  readonly adapter?: AdapterFile;
  readonly sampling: Sampling;
  readonly replyTokensMax: number;
  readonly signal: AbortSignal;
}

/** `temperature` 0 is greedy: the same reply every time. */
export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly repeatPenalty: number;
  readonly seed?: number;
}

export type GenerateChunk = { readonly kind: "text"; readonly text: string } | GenerateEnd;

export interface GenerateEnd {
  readonly kind: "end";
  readonly endedBy: "stop" | "length" | "cancelled";
  readonly promptTokens: number;
  readonly replyTokens: number;
  /** From the call, waiting included. Undefined when no token came. */
  readonly firstTokenMs?: number;
  readonly totalMs: number;
}

export interface EngineHealth {
  readonly isReady: boolean;
  readonly waiting: number;
  readonly streaming: number;
  readonly adaptersLoaded: readonly string[];
  readonly memoryBytes?: number;
  /** For people: "SmolLM2-135M-Instruct, 1 thread". */
  readonly detail: string;
}
