import { createHash } from "node:crypto";
import * as z from "zod";
import type { Embedder } from "../embedder.ts";
import { toUnitVector } from "../unit-vector.ts";
import { type ApiOptions, callApi, unavailable } from "./openai-api.ts";
import { completeApiUrl } from "./presets.ts";

export interface OpenAiEmbedderOptions extends ApiOptions {
  readonly model: string;
  /** ISO 639-1 codes; the server tells none. */
  readonly languages: readonly string[];
  readonly timeoutMs: number;
}

const Answer = z.object({ data: z.array(z.object({ index: z.int(), embedding: z.array(z.number()).min(1) })) });

/** Asks once to learn the dimensions. Rejects with InferenceUnavailableError. */
export async function openOpenAiEmbedder(options: OpenAiEmbedderOptions): Promise<Embedder> {
  const api = { ...options, url: completeApiUrl(options.url) };
  const [sample] = await embed(api, ["dimensions"]);
  const description = {
    id: options.model,
    // A server shows no weights: its address and the model's name stand for them.
    digest: createHash("sha256").update(`${api.url}\n${options.model}\n${sample?.length}`).digest("hex"),
    dimensions: sample?.length ?? 0,
    languages: options.languages,
  };
  return { describe: () => description, embed: (texts, signal) => embed(api, texts, signal) };
}

async function embed(
  options: OpenAiEmbedderOptions,
  texts: readonly string[],
  signal?: AbortSignal,
): Promise<readonly Float32Array[]> {
  if (texts.length === 0) return [];
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const body = { model: options.model, input: texts, encoding_format: "float" };
  try {
    const both = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const { data } = Answer.parse(await (await callApi(options, "/embeddings", body, both)).json());
    if (data.length !== texts.length) throw new Error(`It gave ${data.length} vectors for ${texts.length} texts`);
    return data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => toUnitVector(embedding));
  } catch (cause) {
    signal?.throwIfAborted();
    throw unavailable(cause);
  }
}
