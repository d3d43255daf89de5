import type { Now } from "#core/clock.ts";
import { AdapterRefusedError, InferenceUnavailableError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { AdapterHost } from "../adapter-host.ts";
import { AdapterShelf } from "../adapter-shelf.ts";
import { HostOutageError, HostPool } from "../host-pool.ts";
import type {
  AdapterFile,
  BaseModel,
  EngineHealth,
  GenerateChunk,
  GenerateRequest,
  InferenceEngine,
  PrepareRequest,
} from "../inference-engine.ts";
import type { PromptEncoder } from "../prompt-encoder.ts";
import type { PromptRenderer } from "../prompt-renderer.ts";
import { ReplyStreams, type ReplyWriter } from "../reply-streams.ts";
import { markImages } from "./mark-images.ts";
import { OllamaRefusalError } from "./ollama-api.ts";
import { OllamaHost } from "./ollama-host.ts";
import type { RunnerSettings } from "./ollama-options.ts";
import { type StreamPiece, type StreamRequest, streamReply } from "./ollama-stream.ts";

export interface OllamaEngineOptions {
  readonly hosts: readonly { readonly url: string; readonly region?: string }[];
  /** Where this process runs. */
  readonly region?: string;
  readonly base: BaseModel;
  /** The base's name on the hosts, where the operator pulled it; else it is made there from `base.path`. */
  readonly pulledName?: string;
  readonly prompts: PromptEncoder & PromptRenderer;
  readonly threads?: number;
  readonly gpuLayers?: number;
  readonly keepAliveMs: number;
  readonly firstTokenMaxMs: number;
  readonly nextTokenMaxMs: number;
  /** After this time a host that failed is tried again. */
  readonly hostRetryMs: number;
  readonly parallelStreams: number;
  readonly queueMax: number;
  readonly queueWaitMaxMs: number;
  readonly adaptersLoadedMax: number;
  readonly now: Now;
  readonly log: Log;
}

/** Resolves when one host serves the base. Rejects with ModelNotFoundError, InferenceUnavailableError. */
export async function openOllamaEngine(options: OllamaEngineOptions): Promise<OllamaEngine> {
  const engine = new OllamaEngine(options);
  try {
    await engine.prepare({});
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}

/** One or several Ollama servers: an adapter is a model there, made from the base and a file that is known by its hash. */
export class OllamaEngine implements InferenceEngine, AdapterHost {
  readonly #options: OllamaEngineOptions;
  readonly #runner: RunnerSettings;
  readonly #pool: HostPool<OllamaHost>;
  readonly #shelf: AdapterShelf;
  readonly #streams: ReplyStreams;
  readonly #lifetime = new AbortController();

  constructor(options: OllamaEngineOptions) {
    const { base, prompts, keepAliveMs, log } = options;
    this.#options = options;
    this.#runner = {
      contextTokens: prompts.contextTokens,
      keepAliveMs,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      ...(options.gpuLayers === undefined ? {} : { gpuLayers: options.gpuLayers }),
    };
    const hosts = options.hosts.map(
      (host) =>
        new OllamaHost({
          ...host,
          base,
          ...(options.pulledName === undefined ? {} : { pulledName: options.pulledName }),
          runner: this.#runner,
          signal: this.#lifetime.signal,
          log,
        }),
    );
    this.#pool = new HostPool(hosts, {
      name: "Ollama",
      ...(options.region === undefined ? {} : { region: options.region }),
      retryAfterMs: options.hostRetryMs,
      log,
    });
    this.#shelf = new AdapterShelf({
      adaptersLoadedMax: options.adaptersLoadedMax,
      drop: (digest) => this.#unload(digest),
    });
    this.#streams = new ReplyStreams({ ...options, name: "Ollama" });
  }

  async list(): Promise<readonly BaseModel[]> {
    return [this.#options.base];
  }

  async prepare({ adapter }: PrepareRequest): Promise<void> {
    await this.#streams.track(async (signal) => {
      await this.#withAdapter(adapter, async (markReady) => {
        await this.#pool.run(
          async (host) => {
            await host.preload(adapter);
            return async () => markReady();
          },
          (host) => host.look(host.modelName(adapter?.digest)),
          signal,
        );
      });
    });
  }

  generate(request: GenerateRequest): AsyncIterable<GenerateChunk> {
    return this.#streams.open(request, (reply, signal) => this.#makeReply(request, reply, signal));
  }

  async release(adapterDigest: string): Promise<void> {
    await this.#shelf.release(adapterDigest);
  }

  async health(): Promise<EngineHealth> {
    const running = await Promise.allSettled(this.#pool.hosts.map((host) => host.listRunning()));
    const reached = running.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const ours = new Set([undefined, ...this.#shelf.loaded].map((digest) => this.#pool.hosts[0]?.modelName(digest)));
    const memoryBytes = reached
      .flat()
      .filter(({ name }) => ours.has(name) || ours.has(name.replace(/:latest$/, "")))
      .reduce((sum, { bytes }) => sum + bytes, 0);
    const { name } = this.#options.base;
    return {
      isReady: !this.#streams.isClosed && reached.length > 0,
      waiting: this.#streams.waiting,
      streaming: this.#streams.streaming,
      adaptersLoaded: this.#shelf.loaded,
      memoryBytes,
      detail: `${name}, Ollama: ${reached.length} of ${running.length} hosts answer`,
    };
  }

  async listHosted(): Promise<readonly string[]> {
    const found = await Promise.allSettled(this.#pool.hosts.map((host) => host.listAdapters()));
    return [...new Set(found.flatMap((result) => (result.status === "fulfilled" ? result.value : [])))];
  }

  async removeHosted(adapterDigest: string): Promise<void> {
    await this.#shelf.release(adapterDigest);
    try {
      await Promise.all(this.#pool.hosts.map((host) => host.remove(adapterDigest)));
    } catch (cause) {
      throw new InferenceUnavailableError("Ollama", { cause });
    }
  }

  /** Ends running streams as cancelled. The hosts keep what they have loaded, as long as keep-alive says. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.#streams.close();
  }

  async #makeReply(request: GenerateRequest, reply: ReplyWriter, signal: AbortSignal): Promise<void> {
    const { prompts } = this.#options;
    const { messages, images } = markImages(request.messages);
    const promptTokens = prompts.encodePrompt(messages).length;
    reply.countPrompt(promptTokens);
    const replyTokensMax = Math.min(request.replyTokensMax, prompts.contextTokens - 1 - promptTokens);
    if (replyTokensMax < 1) {
      reply.end("length");
      return;
    }
    const asked = { prompt: prompts.renderPrompt(messages), images, sampling: request.sampling, replyTokensMax };
    await this.#withAdapter(request.adapter, async (markReady) => {
      const open = async (host: OllamaHost) => {
        const model = await unlessAborted(host.prepare(request.adapter), signal);
        markReady();
        return this.#openReply(host, { ...asked, model }, reply, signal);
      };
      try {
        await this.#pool.run(open, (host) => host.look(host.modelName(request.adapter?.digest)), signal);
      } catch (error) {
        throw await this.#explain(error, request.adapter);
      }
    });
  }

  /** Waits for the first piece; the rest is read by the function that it resolves with. */
  async #openReply(
    host: OllamaHost,
    asked: Pick<StreamRequest, "model" | "prompt" | "images" | "sampling" | "replyTokensMax">,
    reply: ReplyWriter,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    const { firstTokenMaxMs, nextTokenMaxMs, prompts } = this.#options;
    const request = { ...asked, runner: this.#runner, stopTexts: prompts.stopTexts, firstTokenMaxMs, nextTokenMaxMs };
    const pieces = streamReply(host.url, request, signal);
    let first: IteratorResult<StreamPiece, void>;
    try {
      first = await pieces.next();
    } catch (error) {
      if (!(error instanceof OllamaRefusalError && error.status === 404)) throw error;
      // Somebody deleted it: the next try makes it again.
      host.forget(asked.model);
      throw new HostOutageError(`The host lost model ${asked.model}`, { cause: error });
    }
    const pass = (piece: StreamPiece) => {
      reply.countReply(piece.replyTokens);
      reply.write(piece.text);
      if (piece.endedBy !== undefined) reply.end(piece.endedBy);
    };
    return async () => {
      if (first.done !== true) pass(first.value);
      for await (const piece of pieces) pass(piece);
    };
  }

  /** Where no host can serve the adapter now but one could answer with the base, the caller may ask for that. */
  async #explain(error: unknown, adapter: AdapterFile | undefined): Promise<unknown> {
    if (adapter === undefined || !(error instanceof InferenceUnavailableError)) return error;
    const { isReady } = await this.health();
    if (!isReady) return error;
    return new AdapterRefusedError(adapter.digest, "no host can serve it now", { cause: error });
  }

  async #withAdapter(adapter: AdapterFile | undefined, work: (markReady: () => void) => Promise<void>): Promise<void> {
    if (adapter === undefined) return work(() => undefined);
    const hold = this.#shelf.enter(adapter.digest);
    try {
      await work(hold.markReady);
    } finally {
      hold.leave();
    }
  }

  async #unload(digest: string): Promise<void> {
    for (const host of this.#pool.hosts) {
      await host.unload(host.modelName(digest)).catch((error: unknown) => {
        this.#options.log.debug({ host: host.url, adapter: digest, err: error }, "adapter.not-unloaded");
      });
    }
  }
}

/** The work itself goes on: others may wait for it. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
