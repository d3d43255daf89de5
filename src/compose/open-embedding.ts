import { join } from "node:path";
import { completeOllamaUrl } from "#config/secrets.ts";
import { ConfigInvalidError, InferenceUnavailableError, ModelNotFoundError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { Embedder } from "#inference/embedder.ts";
import { assetsDirectory, pulledNameOf } from "./find-model.ts";
import { ollamaSettingsOf } from "./open-ollama.ts";
import { openAiSettingsOf, type ServingConfig } from "./open-openai.ts";

export interface OpenEmbedding {
  readonly embedder: Embedder;
  /** Least cosine of two questions that may share an answer, for this model. */
  readonly nearSimilarityMin: number;
  close(): Promise<void>;
}

/** Of the server that compares questions. */
export interface EmbeddingSettings {
  /** It pulled the model; any other server speaks OpenAI's API. */
  readonly isOllama: boolean;
  readonly url: string;
  /** As the server calls it. */
  readonly model: string;
  readonly key?: string;
  readonly languages: readonly string[];
  readonly keepAliveMs: number;
  readonly timeoutMs: number;
}

const EMBEDDING_TIMEOUT_MS = 5000;
/** As `inference.embeddingModel`: a process without any. */
const NO_MODEL = "none";

/** Undefined: the model that set-up installs compares them. Throws ConfigInvalidError where no server is named. */
export function embeddingSettingsOf(config: ServingConfig): EmbeddingSettings | undefined {
  const { inference, credentials } = config;
  const { embeddingModel: model, embeddingHost, keepAliveMs } = inference;
  if (model === undefined || model === NO_MODEL) return undefined;
  const shared = { languages: [], keepAliveMs, timeoutMs: EMBEDDING_TIMEOUT_MS };
  const pulledName = pulledNameOf(model);
  if (pulledName !== undefined) {
    const host = embeddingHost ?? ollamaSettingsOf(config)?.hosts[0]?.url ?? config.servers.ollamaUrl;
    if (host === undefined)
      throw new ConfigInvalidError([
        "inference.embeddingModel is a model of Ollama and no host is named: set OLLAMA_HOST or inference.embeddingHost",
      ]);
    return { ...shared, isOllama: true, url: completeOllamaUrl(host), model: pulledName };
  }
  const [first] = openAiSettingsOf(config)?.hosts ?? [];
  const byName = new Map([
    ["openai", credentials.openaiKey],
    ["together", credentials.togetherKey],
  ]);
  const url = embeddingHost ?? first?.url;
  if (url === undefined)
    throw new ConfigInvalidError([
      "inference.embeddingModel is set and no server is named: set inference.embeddingHost",
    ]);
  const key = embeddingHost === undefined ? first?.key : byName.has(url) ? byName.get(url) : credentials.inferenceKey;
  return { ...shared, isOllama: false, url, model, ...(key === undefined ? {} : { key }) };
}

/** Rejects with InferenceUnavailableError, of Ollama also with ModelNotFoundError. */
export async function openServerEmbedder(settings: EmbeddingSettings): Promise<Embedder> {
  if (settings.isOllama) {
    const { openOllamaEmbedder } = await import("#inference/ollama/ollama-embedder.ts");
    return openOllamaEmbedder(settings);
  }
  const { openOpenAiEmbedder } = await import("#inference/openai/openai-embedder.ts");
  return openOpenAiEmbedder(settings);
}

/**
 * Undefined when no model is there, or none is wanted: the cache then knows exact questions only, and routing keywords only. A server that does not
 * answer when this process starts is replaced by the installed model. Throws ConfigInvalidError.
 */
export async function openEmbedding(config: ServingConfig, log: Log): Promise<OpenEmbedding | undefined> {
  if (config.inference.embeddingModel === NO_MODEL) return undefined;
  const settings = embeddingSettingsOf(config);
  if (settings === undefined) return openInstalledEmbedding(log);
  try {
    const embedder = await openServerEmbedder(settings);
    // How alike two questions must be is measured per model: of a server's, cache.nearSimilarityMin says it or nothing.
    return { embedder, nearSimilarityMin: 1, close: async () => {} };
  } catch (error) {
    if (!(error instanceof InferenceUnavailableError || error instanceof ModelNotFoundError)) throw error;
    log.warn({ err: error }, "embedder.unreachable");
    return openInstalledEmbedding(log);
  }
}

/** Undefined when its files are not there. */
export async function openInstalledEmbedding(log: Log): Promise<OpenEmbedding | undefined> {
  const { nearSimilarityMin, openE5Embedder } = await import("#inference/embedding/e5-embedder.ts");
  try {
    const embedder = await openE5Embedder({ directory: join(assetsDirectory, "embedder") });
    return { embedder, nearSimilarityMin, close: () => embedder.close() };
  } catch (error) {
    if (!(error instanceof ModelNotFoundError)) throw error;
    log.warn({ err: error }, "embedder.missing");
    return undefined;
  }
}
