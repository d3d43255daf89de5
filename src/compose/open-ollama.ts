import type { Config } from "#config/schema.ts";
import { completeOllamaUrl } from "#config/secrets.ts";
import { ConfigInvalidError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { findModel, isLocal, type ModelConfig, pulledNameOf } from "./find-model.ts";
import { type OpenEngine, openEmbedded, threadsOf } from "./open-inference.ts";

export interface OllamaSettings {
  readonly hosts: readonly { readonly url: string; readonly region?: string }[];
  /** Where this process runs. */
  readonly region?: string;
  /**
   * `models`: every adapter is a model of the hosts. `shared`: the embedded engine opens the file that the Ollama of this machine
   * pulled, and every adapter hangs on that one copy.
   */
  readonly adapters: "models" | "shared";
  readonly gpuLayers?: number;
  readonly keepAliveMs: number;
  readonly firstTokenMaxMs: number;
  readonly nextTokenMaxMs: number;
  readonly hostRetryMs: number;
}

/**
 * Ollama for `inference.model`: "ollama:NAME" is a model that the operator pulled, anything else a file that is uploaded where it is
 * missing. The file, or its copy on this machine, is needed for the prompts. Rejects with ModelNotFoundError, InferenceUnavailableError.
 */
export async function openOllama(config: ModelConfig, settings: OllamaSettings, log: Log): Promise<OpenEngine> {
  const hosts = settings.hosts.map((host) => ({ ...host, url: completeOllamaUrl(host.url) }));
  const pulledName = pulledNameOf(config.inference.model);
  const [asked] = hosts.toSorted((one, other) => Number(isLocal(other.url)) - Number(isLocal(one.url)));
  const servers = asked === undefined ? config.servers : { ...config.servers, ollamaUrl: asked.url };
  const model = await findModel({ ...config, servers }, log);
  if (settings.adapters === "shared") return openEmbedded(model, config, log);

  const { openModelPrompts } = await import("#inference/llama/model-prompts.ts");
  const { openOllamaEngine } = await import("#inference/ollama/ollama-engine.ts");
  const { path: modelPath, name: modelName, isStandIn } = model;
  const prompts = await openModelPrompts({
    modelPath,
    modelName,
    isStandIn,
    contextTokens: config.inference.contextTokens,
    log,
  });
  const { threads } = config.inference;
  try {
    const base = (await seesImages(hosts, pulledName)) ? { ...prompts.base, seesImages: true as const } : prompts.base;
    const engine = await openOllamaEngine({
      ...limitsOf(config.inference),
      ...settings,
      hosts,
      base,
      prompts,
      ...(pulledName === undefined ? {} : { pulledName }),
      // The hosts are other machines, as a rule: only what the operator said himself is right for them.
      ...(threads === "auto" ? {} : { threads: threadsOf(threads) }),
      now: Date.now,
      log,
    });
    const close = async () => {
      await engine.close();
      await prompts.close();
    };
    return { engine, encoder: prompts, base, adapterHost: engine, close };
  } catch (error) {
    await prompts.close();
    throw error;
  }
}

const ASK_TIMEOUT_MS = 5000;

/** A file that is uploaded has no eyes; of a model that was pulled its hosts know. One that does not answer now has no say. */
async function seesImages(hosts: OllamaSettings["hosts"], pulledName: string | undefined): Promise<boolean> {
  if (pulledName === undefined) return false;
  const { showModel } = await import("#inference/ollama/ollama-api.ts");
  const asks = hosts.map(({ url }) => showModel(url, pulledName, AbortSignal.timeout(ASK_TIMEOUT_MS)));
  const told = (await Promise.allSettled(asks)).flatMap((ask) => (ask.status === "fulfilled" ? (ask.value ?? []) : []));
  return told.length > 0 && told.every((model) => model.seesImages);
}

/** Where an Ollama listens that is told nothing else. */
const USUAL_URL = "http://127.0.0.1:11434";

/**
 * Ollama where OLLAMA_HOST or inference.hosts names one, or a program is to be started, and inference.engine leaves it the choice.
 * Undefined: it does not answer.
 */
export function ollamaSettingsOf({ inference, servers }: ModelConfig): OllamaSettings | undefined {
  if (inference.engine === "llama" || inference.engine === "openai") return undefined;
  const told = [...(servers.ollamaUrl === undefined ? [] : [servers.ollamaUrl]), ...inference.hosts];
  const named = told.length === 0 && inference.ollamaProgram !== undefined ? [USUAL_URL] : told;
  if (named.length === 0) {
    if (inference.engine === "auto") return undefined;
    throw new ConfigInvalidError([
      'inference.engine is "ollama" and no host is named: set OLLAMA_HOST, inference.hosts or inference.ollamaProgram',
    ]);
  }
  const { adapters, region, gpuLayers, keepAliveMs, firstTokenMaxMs, nextTokenMaxMs, hostRetryMs } = inference;
  return {
    hosts: named.map(readHost),
    adapters,
    keepAliveMs,
    firstTokenMaxMs,
    nextTokenMaxMs,
    hostRetryMs,
    ...(region === undefined ? {} : { region }),
    ...(gpuLayers === undefined ? {} : { gpuLayers }),
  };
}

/** What an engine lets happen at once, whichever it is. */
export function limitsOf(config: Config["inference"]) {
  const { parallelStreams, queueMax, queueWaitMaxMs, adaptersLoadedMax } = config;
  return { parallelStreams, queueMax, queueWaitMaxMs, adaptersLoadedMax };
}

/** `http://gpu1:11434#eu`: the region stands behind a number sign. */
export function readHost(text: string): OllamaSettings["hosts"][number] {
  const [url = "", region] = text.split("#");
  return { url, ...(region === undefined || region === "" ? {} : { region }) };
}
