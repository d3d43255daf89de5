import { homedir } from "node:os";
import type { Config } from "#config/schema.ts";
import { completeOllamaUrl } from "#config/secrets.ts";
import { readSystem } from "#config/system.ts";
import { ModelNotFoundError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { AdapterHost } from "#inference/adapter-host.ts";
import { findModel, type OpenEngine, openEmbedded, threadsOf } from "./open-inference.ts";

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

const PULLED = "ollama:";
const ASK_TIMEOUT_MS = 5000;

/**
 * Ollama for `inference.model`: "ollama:NAME" is a model that the operator pulled, anything else a file that is uploaded where it is
 * missing. The file, or its copy on this machine, is needed for the prompts. Rejects with ModelNotFoundError, InferenceUnavailableError.
 */
export async function openOllama(
  config: Config["inference"],
  settings: OllamaSettings,
  log: Log,
): Promise<OpenEngine & { readonly adapterHost?: AdapterHost }> {
  const hosts = settings.hosts.map((host) => ({ ...host, url: completeOllamaUrl(host.url) }));
  const pulledName = config.model.startsWith(PULLED) ? config.model.slice(PULLED.length) : undefined;
  const model = pulledName === undefined ? await findModel(config, log) : await findPulled(pulledName, hosts);
  if (settings.adapters === "shared") return openEmbedded(model, config, log);

  const { openModelPrompts } = await import("#inference/llama/model-prompts.ts");
  const { openOllamaEngine } = await import("#inference/ollama/ollama-engine.ts");
  const { path: modelPath, name: modelName, isStandIn } = model;
  const prompts = await openModelPrompts({
    modelPath,
    modelName,
    isStandIn,
    contextTokens: config.contextTokens,
    log,
  });
  const { threads, ...inference } = config;
  try {
    const engine = await openOllamaEngine({
      ...inference,
      ...settings,
      hosts,
      base: prompts.base,
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
    return { engine, encoder: prompts, base: prompts.base, adapterHost: engine, close };
  } catch (error) {
    await prompts.close();
    throw error;
  }
}

/** The first host that is on this machine tells where the file is. */
async function findPulled(name: string, hosts: OllamaSettings["hosts"]) {
  const { findOllamaModelFile, listModelsDirectories } = await import("#inference/ollama/find-model-file.ts");
  const modelsDirectories = listModelsDirectories(homedir(), readSystem().environment["OLLAMA_MODELS"]);
  const local = hosts.find(({ url }) => /^https?:\/\/(127\.|localhost\b|\[::1\])/.test(url));
  const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
  const asked = local === undefined ? {} : { url: local.url };
  const path = await findOllamaModelFile(name, { ...asked, modelsDirectories, signal });
  if (path === undefined) throw new ModelNotFoundError(`${PULLED}${name}`);
  return { path, name, isStandIn: false };
}
