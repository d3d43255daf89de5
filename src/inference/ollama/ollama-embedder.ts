import * as z from "zod";
import { InferenceUnavailableError, ModelNotFoundError } from "#core/errors.ts";
import type { Embedder } from "../embedder.ts";
import { toUnitVector } from "../unit-vector.ts";
import { openOllamaClient, showModel } from "./ollama-api.ts";

export interface OllamaEmbedderOptions {
  readonly url: string;
  readonly model: string;
  /** ISO 639-1 codes; Ollama tells none. */
  readonly languages: readonly string[];
  readonly keepAliveMs: number;
  readonly timeoutMs: number;
}

const Answer = z.object({ embeddings: z.array(z.array(z.number()).min(1)) });

/** Asks once to learn the dimensions. Rejects with ModelNotFoundError, InferenceUnavailableError. */
export async function openOllamaEmbedder(options: OllamaEmbedderOptions): Promise<Embedder> {
  const digest = await readDigest(options);
  const [sample] = await embed(options, ["dimensions"]);
  const { model: id, languages } = options;
  const description = { id, digest, dimensions: sample?.length ?? 0, languages };
  return { describe: () => description, embed: (texts, signal) => embed(options, texts, signal) };
}

async function readDigest({ url, model, timeoutMs }: OllamaEmbedderOptions): Promise<string> {
  let digest: string | undefined;
  try {
    digest = (await showModel(url, model, AbortSignal.timeout(timeoutMs)))?.baseDigest;
  } catch (cause) {
    throw new InferenceUnavailableError("Ollama", { cause });
  }
  if (digest === undefined) throw new ModelNotFoundError(`ollama:${model}`);
  return digest;
}

async function embed(
  { url, model, keepAliveMs, timeoutMs }: OllamaEmbedderOptions,
  texts: readonly string[],
  signal?: AbortSignal,
): Promise<readonly Float32Array[]> {
  if (texts.length === 0) return [];
  const timeout = AbortSignal.timeout(timeoutMs);
  const client = openOllamaClient(url, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
  try {
    const request = { model, input: [...texts], truncate: true, keep_alive: `${keepAliveMs}ms` };
    const { embeddings } = Answer.parse(await client.embed(request));
    if (embeddings.length !== texts.length) {
      throw new Error(`It gave ${embeddings.length} vectors for ${texts.length} texts`);
    }
    return embeddings.map(toUnitVector);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new InferenceUnavailableError("Ollama", { cause });
  }
}
