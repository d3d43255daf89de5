import { AdapterRefusedError, ModelNotFoundError, OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { checkAdapterFile } from "../check-adapter-file.ts";
import { HostLacksModelError, type HostLook, HostOutageError } from "../host-pool.ts";
import type { AdapterFile, BaseModel } from "../inference-engine.ts";
import { adapterModelName, baseModelName, isAdapterModelName, isSameModel } from "./model-names.ts";
import {
  type HostedModel,
  listModels,
  listRunning,
  OllamaRefusalError,
  openOllamaClient,
  outageOf,
  showModel,
  uploadBlob,
} from "./ollama-api.ts";
import { keepAlive, type RunnerSettings, runnerOptions } from "./ollama-options.ts";

export interface OllamaHostOptions {
  readonly url: string;
  readonly region?: string;
  readonly base: BaseModel;
  /** A model that the operator pulled; undefined: made from the base's file. */
  readonly pulledName?: string;
  readonly runner: RunnerSettings;
  readonly log: Log;
  /** Ends work that several streams wait for. */
  readonly signal: AbortSignal;
}

const ASK_TIMEOUT_MS = 10_000;
/** Whoever waits for a reply waits for this too. */
const LOOK_TIMEOUT_MS = 1500;
const UPLOAD_TIMEOUT_MS = 30 * 60_000;
const LOAD_TIMEOUT_MS = 5 * 60_000;
/** A model that is known to run is not asked for again within this time. */
const RUNNING_FRESH_MS = 1000;

/** One Ollama server: makes the models there that are needed, and none twice. */
export class OllamaHost {
  readonly url: string;
  readonly region?: string;
  readonly #options: OllamaHostOptions;
  readonly #baseName: string;
  readonly #ready = new Map<string, Promise<void>>();
  #running: { readonly atMs: number; readonly models: readonly HostedModel[] } | undefined;

  constructor(options: OllamaHostOptions) {
    this.url = options.url;
    if (options.region !== undefined) this.region = options.region;
    this.#options = options;
    this.#baseName = options.pulledName ?? baseModelName(options.base.digest);
  }

  modelName(adapterDigest: string | undefined): string {
    return adapterDigest === undefined ? this.#baseName : adapterModelName(adapterDigest);
  }

  /**
   * Makes sure that the host has the model, and returns its name. Rejects with AdapterRefusedError, HostLacksModelError,
   * HostOutageError.
   */
  async prepare(adapter: AdapterFile | undefined): Promise<string> {
    const name = this.modelName(adapter?.digest);
    const preparing = this.#ready.get(name) ?? (adapter === undefined ? this.#makeBase() : this.#makeAdapter(adapter));
    this.#ready.set(name, preparing);
    try {
      await preparing;
    } catch (error) {
      this.forget(name);
      throw error instanceof OperatingError ? error : outageOf(error, this.#options.signal);
    }
    return name;
  }

  /** The host said that it has no such model, or the model is to be checked anew. */
  forget(name: string): void {
    this.#ready.delete(name);
  }

  /** Makes sure that the model is there and loaded; rejects like prepare(). */
  async preload(adapter: AdapterFile | undefined): Promise<void> {
    const name = await this.prepare(adapter);
    try {
      if (!(await this.#isLoaded(name, RUNNING_FRESH_MS))) await this.#load(name);
    } catch (error) {
      throw outageOf(error, this.#options.signal);
    }
  }

  async #load(name: string): Promise<void> {
    const { runner } = this.#options;
    const client = this.#client(LOAD_TIMEOUT_MS);
    await client.generate({ model: name, prompt: "", keep_alive: keepAlive(runner), options: runnerOptions(runner) });
    this.#running = undefined;
  }

  /** Frees the memory, if this very model is loaded: one with the same base may have taken its place. */
  async unload(name: string): Promise<void> {
    if (!(await this.#isLoaded(name, 0))) return;
    await this.#client(ASK_TIMEOUT_MS).generate({ model: name, prompt: "", keep_alive: 0 });
    this.#running = undefined;
  }

  /** Deletes the model of an adapter. One that somebody else gave that name is left alone. */
  async remove(adapterDigest: string): Promise<void> {
    const name = adapterModelName(adapterDigest);
    this.forget(name);
    const shown = await showModel(this.url, name, this.#signal(ASK_TIMEOUT_MS));
    if (shown?.adapterDigests.includes(adapterDigest) !== true) return;
    await this.unload(name);
    await this.#client(ASK_TIMEOUT_MS).delete({ model: name });
    this.#options.log.info({ host: this.url, model: name }, "adapter.removed-from-host");
  }

  /** Digests of the adapters that the host has models of; made by this program, in this process or another. */
  async listAdapters(): Promise<readonly string[]> {
    const models = await listModels(this.url, this.#signal(ASK_TIMEOUT_MS));
    const names = models.map(({ name }) => name).filter(isAdapterModelName);
    const shown = await Promise.all(names.map((name) => showModel(this.url, name, this.#signal(ASK_TIMEOUT_MS))));
    return shown.flatMap((model) => (model?.baseDigest === this.#options.base.digest ? model.adapterDigests : []));
  }

  /** Whether the model is in memory, as of a second ago. */
  async look(name: string): Promise<HostLook> {
    try {
      return (await this.#isLoaded(name, RUNNING_FRESH_MS)) ? "holds" : "lacks";
    } catch {
      return "gone";
    }
  }

  /** Models in memory. Rejects with HostOutageError. */
  async listRunning(): Promise<readonly HostedModel[]> {
    const models = await listRunning(this.url, this.#signal(LOOK_TIMEOUT_MS));
    this.#running = { atMs: performance.now(), models };
    return models;
  }

  async #isLoaded(name: string, ageMaxMs: number): Promise<boolean> {
    const known = this.#running;
    const isFresh = known !== undefined && performance.now() - known.atMs < ageMaxMs;
    const models = isFresh ? known.models : await this.listRunning();
    return models.some((model) => isSameModel(model.name, name));
  }

  async #makeBase(): Promise<void> {
    const { base, pulledName } = this.#options;
    const shown = await showModel(this.url, this.#baseName, this.#signal(ASK_TIMEOUT_MS));
    if (shown?.baseDigest === base.digest) return;
    if (pulledName !== undefined || base.path === undefined) {
      const found = shown === undefined ? "has no such model" : "has another version of it";
      const cause = new Error(`${this.url} ${found}`);
      throw new HostLacksModelError(this.url, new ModelNotFoundError(`ollama:${this.#baseName}`, { cause }));
    }
    const startedAtMs = performance.now();
    await uploadBlob(this.url, base.path, base.digest, this.#signal(UPLOAD_TIMEOUT_MS));
    await this.#create({ model: this.#baseName, files: { "model.gguf": `sha256:${base.digest}` } });
    const totalMs = Math.round(performance.now() - startedAtMs);
    this.#options.log.info({ host: this.url, model: this.#baseName, totalMs }, "base.made-on-host");
  }

  async #makeAdapter(adapter: AdapterFile): Promise<void> {
    await checkAdapterFile(adapter);
    await this.prepare(undefined);
    const name = adapterModelName(adapter.digest);
    const startedAtMs = performance.now();
    try {
      const isThere = await this.#isMadeOf(name, adapter);
      if (!isThere) await this.#createAdapter(name, adapter);
      await this.#tryAdapter(name, adapter);
      const totalMs = Math.round(performance.now() - startedAtMs);
      this.#options.log.info({ host: this.url, model: name, isThere, totalMs }, "adapter.ready-on-host");
    } catch (error) {
      // What cannot be served must not lie there as if it could.
      if (error instanceof AdapterRefusedError) await this.remove(adapter.digest).catch(() => undefined);
      throw error;
    }
  }

  async #createAdapter(name: string, adapter: AdapterFile): Promise<void> {
    try {
      await uploadBlob(this.url, adapter.path, adapter.digest, this.#signal(UPLOAD_TIMEOUT_MS));
      await this.#create({
        model: name,
        from: this.#baseName,
        adapters: { "adapter.gguf": `sha256:${adapter.digest}` },
      });
    } catch (cause) {
      if (!(cause instanceof OllamaRefusalError && cause.status === 400)) throw cause;
      throw refusal(adapter, "Ollama takes its file for no adapter", cause);
    }
    // A file that is no adapter becomes a second base, and would answer as if it were one.
    if (!(await this.#isMadeOf(name, adapter))) {
      await this.#client(ASK_TIMEOUT_MS).delete({ model: name });
      throw new AdapterRefusedError(adapter.digest, "its file is no adapter");
    }
  }

  /** Loads it; where that fails, loading the base tells whose fault it is. */
  async #tryAdapter(name: string, adapter: AdapterFile): Promise<void> {
    try {
      await this.#load(name);
    } catch (cause) {
      if (!(cause instanceof OllamaRefusalError)) throw cause;
      await this.#load(this.#baseName);
      throw refusal(adapter, "it does not fit this base model", cause);
    }
  }

  async #isMadeOf(name: string, adapter: AdapterFile): Promise<boolean> {
    const shown = await showModel(this.url, name, this.#signal(ASK_TIMEOUT_MS));
    return shown?.baseDigest === this.#options.base.digest && shown.adapterDigests.join() === adapter.digest;
  }

  /** `files` is missing in the package's types. */
  async #create(
    request: Parameters<ReturnType<typeof openOllamaClient>["create"]>[0] & { files?: Record<string, string> },
  ) {
    await this.#client(UPLOAD_TIMEOUT_MS).create({ ...request, stream: false });
  }

  #client(timeoutMs: number) {
    return openOllamaClient(this.url, this.#signal(timeoutMs));
  }

  #signal(timeoutMs: number): AbortSignal {
    const silence = new AbortController();
    const timer = setTimeout(
      () => silence.abort(new HostOutageError(`The host did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    timer.unref();
    return AbortSignal.any([silence.signal, this.#options.signal]);
  }
}

function refusal({ digest }: AdapterFile, why: string, cause: unknown): AdapterRefusedError {
  return new AdapterRefusedError(digest, why, { cause });
}
