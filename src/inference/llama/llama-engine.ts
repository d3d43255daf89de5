import type { LlamaContextSequence } from "node-llama-cpp";
import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type {
  BaseModel,
  EngineHealth,
  GenerateChunk,
  GenerateRequest,
  InferenceEngine,
  PrepareRequest,
  PromptMessage,
} from "../inference-engine.ts";
import type { PromptEncoder } from "../prompt-encoder.ts";
import { ReplyStreams, type ReplyWriter } from "../reply-streams.ts";
import { AdapterContexts } from "./adapter-contexts.ts";
import { generateReply } from "./generate-reply.ts";
import { type LoadedBase, loadBase } from "./load-base.ts";
import { PromptCodec } from "./prompt-codec.ts";

export interface LlamaEngineOptions {
  readonly modelPath: string;
  readonly modelName: string;
  readonly isStandIn: boolean;
  /** All streams together use no more; cores minus one keeps the machine alive. */
  readonly threads: number;
  /** Prompt and reply of one stream together; at most what the model was trained on. */
  readonly contextTokens: number;
  readonly parallelStreams: number;
  readonly queueMax: number;
  readonly queueWaitMaxMs: number;
  readonly adaptersLoadedMax: number;
  readonly memoryMaxBytes?: number;
  /** What most prompts begin with: every context has read it before its first question comes. */
  readonly systemPrompt?: string;
  /** "auto" uses a GPU where node-llama-cpp has a binary for one. */
  readonly gpu?: false | "auto";
  readonly now: Now;
  readonly log: Log;
  /** Uniform in [0, 1): seeds replies that name no seed. */
  readonly random?: () => number;
}

const SEEDS = 2 ** 31;
const GREEDY = { temperature: 0, topP: 1, topK: 0, repeatPenalty: 1, seed: 0 };

/**
 * Loads the base and its first context; what comes later does not block the event loop. Rejects with
 * ModelNotFoundError, InferenceUnavailableError.
 */
export async function openLlamaEngine(options: LlamaEngineOptions): Promise<LlamaEngine> {
  const startedAtMs = options.now();
  const base = await loadBase({ ...options, gpu: options.gpu ?? false });
  const engine = new LlamaEngine(base, options);
  try {
    await engine.prepare({});
  } catch (error) {
    await engine.close();
    throw error;
  }
  const { name, digest, contextTokens } = base.description;
  const totalMs = options.now() - startedAtMs;
  options.log.info({ model: name, digest, contextTokens, threads: options.threads, totalMs }, "model.loaded");
  return engine;
}

/** llama.cpp in this process: one copy of the weights, a context per adapter, several streams per context. */
export class LlamaEngine implements InferenceEngine, PromptEncoder {
  readonly #base: LoadedBase;
  readonly #codec: PromptCodec;
  readonly #contexts: AdapterContexts;
  readonly #streams: ReplyStreams;
  readonly #options: LlamaEngineOptions;
  readonly #random: () => number;
  #closing: Promise<void> | undefined;

  constructor(base: LoadedBase, options: LlamaEngineOptions) {
    this.#base = base;
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#codec = new PromptCodec(base.model);
    this.#streams = new ReplyStreams({ ...options, name: options.modelName });
    this.#contexts = new AdapterContexts(base.model, {
      modelName: options.modelName,
      contextTokens: base.description.contextTokens,
      threads: options.threads,
      sequences: options.parallelStreams,
      adaptersLoadedMax: options.adaptersLoadedMax,
      ...(options.memoryMaxBytes === undefined ? {} : { memoryMaxBytes: options.memoryMaxBytes }),
      warmUp: (sequence) => this.#warmUp(sequence),
    });
  }

  get contextTokens(): number {
    return this.#base.description.contextTokens;
  }

  async list(): Promise<readonly BaseModel[]> {
    return [this.#base.description];
  }

  async prepare({ adapter }: PrepareRequest): Promise<void> {
    await this.#streams.track((signal) => this.#contexts.open(adapter, signal));
  }

  generate(request: GenerateRequest): AsyncIterable<GenerateChunk> {
    return this.#streams.open(request, (reply, signal) => this.#makeReply(request, reply, signal));
  }

  async release(adapterDigest: string): Promise<void> {
    await this.#contexts.release(adapterDigest);
  }

  encodePrompt(messages: readonly PromptMessage[]): readonly number[] {
    return this.#codec.encodePrompt(messages);
  }

  encodeReply(text: string): readonly number[] {
    return this.#codec.encodeReply(text);
  }

  async health(): Promise<EngineHealth> {
    const { modelName, threads } = this.#options;
    const isReady = this.#closing === undefined;
    return {
      isReady,
      waiting: this.#streams.waiting,
      streaming: this.#streams.streaming,
      adaptersLoaded: this.#contexts.adaptersLoaded,
      ...(isReady ? { memoryBytes: this.#contexts.memoryBytes } : {}),
      detail: `${modelName}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    };
  }

  /** Ends running streams as cancelled, then frees the memory. */
  async close(): Promise<void> {
    this.#closing ??= this.#dispose();
    await this.#closing;
  }

  async #makeReply(request: GenerateRequest, reply: ReplyWriter, signal: AbortSignal): Promise<void> {
    const lease = await this.#contexts.acquire(request.adapter, request.conversationId, signal);
    let hasFailed = true;
    let replyTokens = 0;
    try {
      const prompt = this.#codec.encodePrompt(request.messages);
      reply.countPrompt(prompt.length);
      const endedBy = await generateReply(lease.sequence, prompt, this.#codec, {
        sampling: { ...request.sampling, seed: request.sampling.seed ?? Math.floor(this.#random() * SEEDS) },
        replyTokensMax: request.replyTokensMax,
        signal,
        onToken: () => {
          replyTokens += 1;
          reply.countReply(replyTokens);
        },
        onText: (text) => reply.write(text),
      });
      hasFailed = false;
      reply.end(endedBy);
    } finally {
      await lease.release(hasFailed);
    }
  }

  /**
   * The first token of a fresh context is slow, and a context that yields none is of no use. What the prompt has in common with the
   * first question stays read: the beginning of a prompt, in a context of this adapter alone.
   */
  async #warmUp(sequence: LlamaContextSequence): Promise<void> {
    const { systemPrompt = "" } = this.#options;
    const messages: readonly PromptMessage[] = [
      ...(systemPrompt === "" ? [] : [{ role: "system" as const, content: systemPrompt }]),
      { role: "user", content: "Hello" },
    ];
    const prompt = this.#codec.encodePrompt(messages).slice(0, sequence.contextSize - 2);
    await generateReply(sequence, prompt, this.#codec, {
      sampling: GREEDY,
      replyTokensMax: 1,
      signal: new AbortController().signal,
      onToken: () => undefined,
      onText: () => undefined,
    });
  }

  async #dispose(): Promise<void> {
    await this.#streams.close();
    await this.#contexts.close();
    await this.#base.model.dispose();
    await this.#base.llama.dispose();
  }
}
