import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import { AdapterShelf } from "../adapter-shelf.ts";
import { HostPool, type PooledHost } from "../host-pool.ts";
import type {
  AdapterFile,
  BaseModel,
  EngineHealth,
  GenerateChunk,
  GenerateRequest,
  InferenceEngine,
  PrepareRequest,
  PromptMessage,
} from "../inference-engine.ts";
import type { PromptEncoder } from "../prompt-encoder.ts";
import type { PromptRenderer } from "../prompt-renderer.ts";
import { ReplyStreams, type ReplyWriter } from "../reply-streams.ts";
import { type AdaptersOnHost, listModels, llamaServerAdapters, noAdapters, vllmAdapters } from "./adapters-on-host.ts";
import { type ApiOptions, ApiRefusalError, unavailable } from "./openai-api.ts";
import { type StreamLimits, type StreamPiece, streamCompletion } from "./openai-stream.ts";
import { completeApiUrl, type ServerKind } from "./presets.ts";

export interface OpenAiHostOptions {
  /** Of the API (".../v1"), or one of the providers by name. */
  readonly url: string;
  readonly kind: ServerKind;
  readonly region?: string;
  readonly key?: string;
}

export interface OpenAiEngineOptions extends StreamLimits {
  readonly hosts: readonly OpenAiHostOptions[];
  readonly region?: string;
  readonly base: BaseModel;
  /** What the servers call the base. */
  readonly model: string;
  /**
   * With it, vllm and llama-server get the very tokens that the embedded engine would read; without, their own template writes the
   * prompt.
   */
  readonly prompts?: PromptEncoder & Pick<PromptRenderer, "stopTexts">;
  /** Brings an adapter to where vLLM, on its own machine, finds it in the format of PEFT. */
  readonly adapterPathOnHost?: (adapter: AdapterFile) => Promise<string | undefined>;
  readonly hostRetryMs: number;
  readonly parallelStreams: number;
  readonly queueMax: number;
  readonly queueWaitMaxMs: number;
  readonly adaptersLoadedMax: number;
  readonly now: Now;
  readonly log: Log;
}

interface Host extends PooledHost {
  readonly api: ApiOptions;
  readonly kind: ServerKind;
  readonly adapters: AdaptersOnHost;
}

const ASK_TIMEOUT_MS = 10_000;
const HEALTH_FRESH_MS = 10_000;
const NOT_FOUND = 404;

/** Servers that speak OpenAI's API: our own (vLLM, llama-server), or a provider's. */
export class OpenAiEngine implements InferenceEngine {
  readonly #options: OpenAiEngineOptions;
  readonly #pool: HostPool<Host>;
  readonly #shelf: AdapterShelf;
  readonly #streams: ReplyStreams;
  #reached: { readonly atMs: number; readonly count: Promise<number> } | undefined;

  constructor(options: OpenAiEngineOptions) {
    this.#options = options;
    this.#pool = new HostPool(
      options.hosts.map((host) => openHost(host, options)),
      {
        name: "OpenAI-compatible",
        ...(options.region === undefined ? {} : { region: options.region }),
        retryAfterMs: options.hostRetryMs,
        log: options.log,
      },
    );
    this.#shelf = new AdapterShelf({
      adaptersLoadedMax: options.adaptersLoadedMax,
      drop: (digest) => this.#drop(digest),
    });
    this.#streams = new ReplyStreams({ ...options, name: "OpenAI-compatible" });
  }

  async list(): Promise<readonly BaseModel[]> {
    return [this.#options.base];
  }

  async prepare({ adapter }: PrepareRequest): Promise<void> {
    await this.#streams.track((signal) =>
      this.#withAdapter(adapter, (markReady) =>
        this.#pool.run(
          async (host) => {
            if (adapter === undefined) await listModels(host.api, signal);
            else await host.adapters.select(adapter, signal);
            return async () => markReady();
          },
          (host) => look(host, adapter),
          signal,
        ),
      ),
    );
  }

  generate(request: GenerateRequest): AsyncIterable<GenerateChunk> {
    return this.#streams.open(request, (reply, signal) => this.#makeReply(request, reply, signal));
  }

  async release(adapterDigest: string): Promise<void> {
    await this.#shelf.release(adapterDigest);
  }

  /** As `release`, on every host, whichever process loaded the adapter there. Rejects with InferenceUnavailableError. */
  async purge(adapterDigest: string): Promise<void> {
    await this.#shelf.release(adapterDigest);
    try {
      for (const { adapters } of this.#pool.hosts)
        await adapters.purge(adapterDigest, AbortSignal.timeout(ASK_TIMEOUT_MS));
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  async health(): Promise<EngineHealth> {
    const reached = await this.#countReached();
    return {
      isReady: !this.#streams.isClosed && reached > 0,
      waiting: this.#streams.waiting,
      streaming: this.#streams.streaming,
      adaptersLoaded: this.#shelf.loaded,
      detail: `${this.#options.base.name}, OpenAI-compatible: ${reached} of ${this.#pool.hosts.length} hosts answer`,
    };
  }

  /** Ends running streams as cancelled. */
  async close(): Promise<void> {
    await this.#streams.close();
  }

  async #makeReply(request: GenerateRequest, reply: ReplyWriter, signal: AbortSignal): Promise<void> {
    const { adapter } = request;
    const prompt = this.#options.prompts?.encodePrompt(request.messages);
    const room = prompt === undefined ? request.replyTokensMax : this.#options.base.contextTokens - 1 - prompt.length;
    if (prompt !== undefined) reply.countPrompt(prompt.length);
    if (room < 1) {
      reply.end("length");
      return;
    }
    const asked = { ...request, replyTokensMax: Math.min(request.replyTokensMax, room) };
    const open = async (host: Host, markReady: () => void) => {
      const selected = await host.adapters.select(adapter, signal);
      markReady();
      try {
        return await this.#openReply(host, asked, selected, reply, signal);
      } catch (error) {
        const isLost = adapter !== undefined && error instanceof ApiRefusalError && error.status === NOT_FOUND;
        if (!isLost) throw error;
        host.adapters.forget(adapter.digest);
        return this.#openReply(host, asked, await host.adapters.select(adapter, signal), reply, signal);
      }
    };
    await this.#withAdapter(request.adapter, (markReady) =>
      this.#pool.run(
        (host) => open(host, markReady),
        (host) => look(host, request.adapter),
        signal,
      ),
    );
  }

  /** Waits for the first piece; the rest is read by the function that it resolves with. */
  async #openReply(
    host: Host,
    request: GenerateRequest,
    selected: Readonly<Record<string, unknown>>,
    reply: ReplyWriter,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    const { prompts } = this.#options;
    const isRaw = prompts !== undefined && host.kind !== "plain";
    const body = {
      ...selected,
      ...settingsOf(request, host),
      ...(isRaw
        ? { prompt: prompts.encodePrompt(request.messages), stop: prompts.stopTexts }
        : { messages: request.messages.map(messageOf) }),
    };
    const pieces = streamCompletion(
      host.api,
      isRaw ? "/completions" : "/chat/completions",
      body,
      this.#options,
      signal,
    );
    const first = await pieces.next();
    const pass = (piece: StreamPiece) => {
      if (piece.promptTokens !== undefined) reply.countPrompt(piece.promptTokens);
      reply.countReply(piece.replyTokens);
      reply.write(piece.text);
      if (piece.endedBy !== undefined) reply.end(piece.endedBy);
    };
    return async () => {
      if (first.done !== true) pass(first.value);
      for await (const piece of pieces) pass(piece);
    };
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

  async #drop(digest: string): Promise<void> {
    for (const { adapters, url } of this.#pool.hosts) {
      await adapters.drop(digest, AbortSignal.timeout(ASK_TIMEOUT_MS)).catch((error: unknown) => {
        this.#options.log.debug({ host: url, adapter: digest, err: error }, "adapter.not-unloaded");
      });
    }
  }

  /** A provider counts every call: it is asked now and then only. */
  #countReached(): Promise<number> {
    const nowMs = performance.now();
    if (this.#reached === undefined || nowMs - this.#reached.atMs > HEALTH_FRESH_MS) {
      const asks = this.#pool.hosts.map(({ api }) => listModels(api, AbortSignal.timeout(ASK_TIMEOUT_MS)));
      const count = Promise.allSettled(asks).then(
        (results) => results.filter(({ status }) => status === "fulfilled").length,
      );
      this.#reached = { atMs: nowMs, count };
    }
    return this.#reached.count;
  }
}

function openHost(host: OpenAiHostOptions, { model, adapterPathOnHost }: OpenAiEngineOptions): Host {
  const api = { url: completeApiUrl(host.url), ...(host.key === undefined ? {} : { key: host.key }) };
  const kinds = {
    plain: () => noAdapters(model),
    vllm: () => vllmAdapters(api, model, adapterPathOnHost ?? (async () => undefined)),
    "llama-server": () => llamaServerAdapters(api, model),
  };
  const region = host.region === undefined ? {} : { region: host.region };
  return { url: api.url, ...region, api, kind: host.kind, adapters: kinds[host.kind]() };
}

async function look(host: Host, adapter: AdapterFile | undefined) {
  return adapter === undefined || host.adapters.isLoaded(adapter.digest) ? "holds" : "lacks";
}

function messageOf({ role, content, images = [] }: PromptMessage) {
  if (images.length === 0) return { role, content };
  const parts = images.map((image) => {
    const mediaType = image[0] === PNG_FIRST_BYTE ? "image/png" : "image/jpeg";
    return {
      type: "image_url",
      image_url: { url: `data:${mediaType};base64,${Buffer.from(image).toString("base64")}` },
    };
  });
  return { role, content: [...parts, { type: "text", text: content }] };
}

const PNG_FIRST_BYTE = 0x89;

/** Providers refuse settings that they do not know. */
function settingsOf({ sampling, replyTokensMax }: GenerateRequest, { kind, api }: Host) {
  const { temperature, topP, topK, repeatPenalty, seed } = sampling;
  const lengthKey = api.url === completeApiUrl("openai") ? "max_completion_tokens" : "max_tokens";
  return {
    temperature,
    top_p: topP,
    [lengthKey]: replyTokensMax,
    ...(seed === undefined ? {} : { seed }),
    ...(kind === "vllm"
      ? {
          top_k: topK === 0 ? -1 : topK,
          repetition_penalty: repeatPenalty,
          // What ends a reply is a token of its own: left out of the text, it would never be found there.
          skip_special_tokens: false,
        }
      : {}),
    ...(kind === "llama-server" ? { top_k: topK, repeat_penalty: repeatPenalty, min_p: 0 } : {}),
  };
}
