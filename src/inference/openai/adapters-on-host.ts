import { basename } from "node:path";
import * as z from "zod";
import { AdapterRefusedError } from "#core/errors.ts";
import { HostOutageError } from "../host-pool.ts";
import type { AdapterFile } from "../inference-engine.ts";
import { type ApiOptions, ApiRefusalError, callApi } from "./openai-api.ts";

/** How a server applies an adapter: what it adds to a request, and how it is loaded and freed. */
export interface AdaptersOnHost {
  /** What a request gets so that it is answered with this adapter, or with none. Rejects with AdapterRefusedError. */
  select(adapter: AdapterFile | undefined, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>>;
  /** The server lost the adapter, as when it was started again: the next choice loads it. */
  forget(adapterDigest: string): void;
  /** Frees the adapter on the server; at once where it is not loaded. */
  drop(adapterDigest: string, signal: AbortSignal): Promise<void>;
  /** As `drop`, whichever process loaded it. */
  purge(adapterDigest: string, signal: AbortSignal): Promise<void>;
  isLoaded(adapterDigest: string): boolean;
}

/** Hosted providers serve the base only. */
export function noAdapters(model: string): AdaptersOnHost {
  return {
    async select(adapter) {
      if (adapter === undefined) return { model };
      throw new AdapterRefusedError(adapter.digest, "this server takes no adapters");
    },
    forget: () => undefined,
    drop: async () => undefined,
    purge: async () => undefined,
    isLoaded: () => false,
  };
}

/**
 * vLLM loads adapters while it runs (started with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and --enable-lora). It reads folders in the
 * format of PEFT on its own machine: `pathOnHost` knows where; undefined when the adapter has no such folder.
 */
export function vllmAdapters(
  api: ApiOptions,
  model: string,
  pathOnHost: (adapter: AdapterFile) => Promise<string | undefined>,
): AdaptersOnHost {
  const loading = new Map<string, Promise<void>>();
  const nameOf = (digest: string) => `reactune-${digest.slice(0, 12)}`;

  async function load(adapter: AdapterFile, signal: AbortSignal): Promise<void> {
    const { digest } = adapter;
    const path = await pathOnHost(adapter);
    if (path === undefined) throw new AdapterRefusedError(digest, "it has no folder that vLLM can read");
    try {
      await callApi(api, "/load_lora_adapter", { lora_name: nameOf(digest), lora_path: path }, signal);
    } catch (cause) {
      if (refusalIn(cause) === undefined) throw cause;
      // Another process may have loaded it: names are hashes, so it is the same.
      if (!(await listModels(api, signal)).includes(nameOf(digest))) throw refusalBy("vLLM", digest, cause);
    }
  }

  async function unload(digest: string, signal: AbortSignal): Promise<void> {
    await callApi(api, "/unload_lora_adapter", { lora_name: nameOf(digest) }, signal);
  }

  return {
    async select(adapter, signal) {
      if (adapter === undefined) return { model };
      const known = loading.get(adapter.digest) ?? load(adapter, signal);
      loading.set(adapter.digest, known);
      try {
        await known;
      } catch (error) {
        loading.delete(adapter.digest);
        throw error;
      }
      return { model: nameOf(adapter.digest) };
    },
    forget: (digest) => void loading.delete(digest),
    async drop(digest, signal) {
      if (loading.delete(digest)) await unload(digest, signal);
    },
    async purge(digest, signal) {
      loading.delete(digest);
      await unload(digest, signal).catch((error: unknown) => {
        if (!(error instanceof ApiRefusalError)) throw error; // it was not loaded
      });
    },
    isLoaded: (digest) => loading.has(digest),
  };
}

const LoraList = z.array(z.object({ id: z.int(), path: z.string() }));

/**
 * llama-server is started with its adapters (--lora FILE,... --lora-init-without-apply) and told with each request which of them to apply.
 * A file is known by the adapter's hash in its name, as this program's store writes it.
 */
export function llamaServerAdapters(api: ApiOptions, model: string): AdaptersOnHost {
  const found = new Set<string>();
  const root = { ...api, url: api.url.replace(/\/v1$/, "") };

  /** Asked each time: a server that was started again numbers its adapters anew. */
  async function list(signal: AbortSignal): Promise<z.infer<typeof LoraList>> {
    const response = await callApi(root, "/lora-adapters", undefined, signal);
    return LoraList.parse(await response.json());
  }

  return {
    // Every scale is said. What an empty list leaves out is applied with the server's own scales, which are 1 even with
    // --lora-init-without-apply, and on what was computed before with another adapter.
    async select(adapter, signal) {
      const adapters = await list(signal);
      const wanted =
        adapter === undefined ? undefined : adapters.find(({ path }) => basename(path).includes(adapter.digest));
      if (adapter !== undefined) {
        found.delete(adapter.digest);
        if (wanted === undefined)
          throw new AdapterRefusedError(adapter.digest, "llama-server was started without it (--lora)");
        found.add(adapter.digest);
      }
      const lora = adapters.map(({ id }) => ({ id, scale: id === wanted?.id ? 1 : 0 }));
      // What was computed for the same words with another adapter would be taken for this one's.
      return { model, lora, cache_prompt: adapters.length === 0 };
    },
    forget: (digest) => void found.delete(digest),
    drop: async (digest) => void found.delete(digest),
    purge: async (digest) => void found.delete(digest),
    isLoaded: (digest) => found.has(digest),
  };
}

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) });

export async function listModels(api: ApiOptions, signal: AbortSignal): Promise<readonly string[]> {
  const response = await callApi(api, "/models", undefined, signal);
  return ModelList.parse(await response.json()).data.map(({ id }) => id);
}

/** vLLM answers 500 to a file that it cannot read. */
function refusalIn(error: unknown): ApiRefusalError | undefined {
  if (error instanceof ApiRefusalError) return error;
  const cause = error instanceof HostOutageError ? error.cause : undefined;
  return cause instanceof ApiRefusalError && cause.status === 500 ? cause : undefined;
}

function refusalBy(server: string, digest: string, cause: unknown): AdapterRefusedError {
  return new AdapterRefusedError(digest, `${server} refused it`, { cause });
}
