import type { LlamaContextSequence } from "node-llama-cpp";
import type { Now } from "#core/clock.ts";
import { InferenceUnavailableError, OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type {
  BaseModel,
  EngineHealth,
  GenerateChunk,
  GenerateEnd,
  GenerateRequest,
  InferenceEngine,
  PrepareRequest,
  PromptMessage,
} from "../inference-engine.ts";
import type { PromptEncoder } from "../prompt-encoder.ts";
import { AdapterContexts, type SequenceLease } from "./adapter-contexts.ts";
import { FairQueue } from "./fair-queue.ts";
import { generateReply } from "./generate-reply.ts";
import { type LoadedBase, loadBase } from "./load-base.ts";
import { PromptCodec } from "./prompt-codec.ts";
import { ReplyChannel } from "./reply-channel.ts";

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
  readonly #queue: FairQueue;
  readonly #options: LlamaEngineOptions;
  readonly #random: () => number;
  readonly #stoppers = new Set<AbortController>();
  readonly #runs = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(base: LoadedBase, options: LlamaEngineOptions) {
    this.#base = base;
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#codec = new PromptCodec(base.model);
    this.#queue = new FairQueue({
      parallelMax: options.parallelStreams,
      queueMax: options.queueMax,
      waitMaxMs: options.queueWaitMaxMs,
    });
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
    const stopper = this.#newStopper();
    try {
      await this.#track(this.#contexts.open(adapter, stopper.signal));
    } finally {
      this.#stoppers.delete(stopper);
    }
  }

  generate(request: GenerateRequest): AsyncIterable<GenerateChunk> {
    return this.#stream(request, this.#options.now());
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
      waiting: this.#queue.waiting,
      streaming: this.#queue.holding,
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

  async *#stream(request: GenerateRequest, startedAtMs: number): AsyncGenerator<GenerateChunk, void, undefined> {
    if (this.#closing !== undefined) throw new InferenceUnavailableError(this.#options.modelName);
    const stopper = this.#newStopper();
    const onAbort = () => stopper.abort(request.signal.reason);
    if (request.signal.aborted) onAbort();
    request.signal.addEventListener("abort", onAbort, { once: true });

    const reply = new ReplyChannel();
    void this.#track(this.#run(request, startedAtMs, stopper.signal, reply));
    try {
      yield* reply.read();
    } finally {
      stopper.abort(); // the reader may have left early
      request.signal.removeEventListener("abort", onAbort);
      this.#stoppers.delete(stopper);
    }
  }

  /** Fills the channel and always ends it; never rejects. */
  async #run(request: GenerateRequest, startedAtMs: number, signal: AbortSignal, reply: ReplyChannel): Promise<void> {
    const { now, modelName } = this.#options;
    let promptTokens = 0;
    let replyTokens = 0;
    let firstTokenMs: number | undefined;
    const finish = (endedBy: GenerateEnd["endedBy"]) => {
      const first = firstTokenMs === undefined ? {} : { firstTokenMs };
      reply.finish({ kind: "end", endedBy, promptTokens, replyTokens, ...first, totalMs: now() - startedAtMs });
    };
    // The reader is told at once; the token in work is finished behind its back.
    const onAbort = () => finish("cancelled");
    signal.addEventListener("abort", onAbort, { once: true });

    let leaveQueue: (() => void) | undefined;
    let lease: SequenceLease | undefined;
    let hasFailed = false;
    try {
      leaveQueue = await this.#queue.enter(request.conversationId, signal);
      lease = await this.#contexts.acquire(request.adapter, request.conversationId, signal);
      const prompt = this.#codec.encodePrompt(request.messages);
      promptTokens = prompt.length;
      const endedBy = await generateReply(lease.sequence, prompt, this.#codec, {
        sampling: { ...request.sampling, seed: request.sampling.seed ?? Math.floor(this.#random() * SEEDS) },
        replyTokensMax: request.replyTokensMax,
        signal,
        onToken: () => {
          firstTokenMs ??= now() - startedAtMs;
          replyTokens += 1;
        },
        onText: (text) => reply.write(text),
      });
      finish(endedBy);
    } catch (cause) {
      hasFailed = lease !== undefined;
      if (signal.aborted) finish("cancelled");
      else reply.fail(cause instanceof OperatingError ? cause : new InferenceUnavailableError(modelName, { cause }));
    } finally {
      signal.removeEventListener("abort", onAbort);
      await lease?.release(hasFailed);
      leaveQueue?.();
    }
  }

  /** The first token of a fresh context is slow, and a context that yields none is of no use. */
  async #warmUp(sequence: LlamaContextSequence): Promise<void> {
    await generateReply(sequence, this.#codec.encodePrompt([{ role: "user", content: "Hello" }]), this.#codec, {
      sampling: GREEDY,
      replyTokensMax: 1,
      signal: new AbortController().signal,
      onToken: () => undefined,
      onText: () => undefined,
    });
  }

  #newStopper(): AbortController {
    const stopper = new AbortController();
    this.#stoppers.add(stopper);
    return stopper;
  }

  async #track(work: Promise<void>): Promise<void> {
    this.#runs.add(work);
    try {
      await work;
    } finally {
      this.#runs.delete(work);
    }
  }

  async #dispose(): Promise<void> {
    for (const stopper of this.#stoppers) stopper.abort();
    await Promise.allSettled(this.#runs);
    await this.#contexts.close();
    await this.#base.model.dispose();
    await this.#base.llama.dispose();
  }
}
