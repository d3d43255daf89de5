import { join } from "node:path";
import { ConfigInvalidError, InferenceUnavailableError, ModelNotFoundError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { Embedder } from "#inference/embedder.ts";
import { assetsDirectory } from "./find-model.ts";
import { openAiSettingsOf, type ServingConfig } from "./open-openai.ts";

export interface OpenEmbedding {
  readonly embedder: Embedder;
  /** Least cosine of two questions that may share an answer, for this model. */
  readonly nearSimilarityMin: number;
  close(): Promise<void>;
}

/** Of the server that compares questions. */
export interface EmbeddingSettings {
  readonly url: string;
  readonly model: string;
  readonly key?: string;
  readonly languages: readonly string[];
  readonly timeoutMs: number;
}

const EMBEDDING_TIMEOUT_MS = 5000;
/** As `inference.embeddingModel`: a process without any. */
const NO_MODEL = "none";

/** Undefined: the model that set-up installs compares them. Throws ConfigInvalidError where no server is named. */
export function embeddingSettingsOf(config: ServingConfig): EmbeddingSettings | undefined {
  const { inference, credentials } = config;
  const { embeddingModel: model, embeddingHost } = inference;
  if (model === undefined || model === NO_MODEL) return undefined;
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
  return { url, model, ...(key === undefined ? {} : { key }), languages: [], timeoutMs: EMBEDDING_TIMEOUT_MS };
}

/**
 * Undefined when no model is there, or none is wanted: the cache then knows exact questions only, and routing keywords only. A server that does not
 * answer when this process starts is replaced by the installed model. Throws ConfigInvalidError.
 */
export async function openEmbedding(config: ServingConfig, log: Log): Promise<OpenEmbedding | undefined> {
  if (config.inference.embeddingModel === NO_MODEL) return undefined;
  const settings = embeddingSettingsOf(config);
  if (settings === undefined) return openInstalledEmbedding(log);
  const { openOpenAiEmbedder } = await import("#inference/openai/openai-embedder.ts");
  try {
    const embedder = await openOpenAiEmbedder(settings);
    // How alike two questions must be is measured per model: of a server's, cache.nearSimilarityMin says it or nothing.
    return { embedder, nearSimilarityMin: 1, close: async () => {} };
  } catch (error) {
    if (!(error instanceof InferenceUnavailableError)) throw error;
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
