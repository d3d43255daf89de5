import { resolve } from "node:path";
import type { LlamaContext, LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import { AdapterRefusedError, InferenceUnavailableError, OperatingError } from "#core/errors.ts";
import { checkAdapterFile } from "../check-adapter-file.ts";
import type { AdapterFile } from "../inference-engine.ts";
import { PROMPT_PIECE_TOKENS } from "./generate-reply.ts";
import type { OneAtATime } from "./one-at-a-time.ts";

export interface OpenContextOptions {
  readonly modelName: string;
  readonly contextTokens: number;
  readonly threads: number;
  /** Streams that one context can hold at once. */
  readonly sequences: number;
  /** Must yield at least one token, or the context is not served. */
  readonly warmUp: (sequence: LlamaContextSequence) => Promise<void>;
}

export interface OpenedContext {
  readonly sequences: readonly LlamaContextSequence[];
  /** Estimate of llama.cpp, without the weights of the base. */
  readonly bytes: number;
  /** Frees the adapter's weights too. */
  dispose(): Promise<void>;
}

/** Every vocabulary has it, and what it means does not matter. */
const ANY_TOKEN = 0 as Token;

/**
 * Rejects with AdapterRefusedError when the file is not an adapter of this base, InferenceUnavailableError otherwise.
 *
 * llama.cpp notes a model's adapters in a set without a lock. Loading and freeing one write it; making a context, and the first
 * decode after an adapter was hung on it, walk it (`graph_max_nodes`). Each runs on a thread of its own, and two at once corrupt the heap:
 * an adapter that was erased stays noted and is freed again with the model. `adapterSet`, one per model, keeps them apart; replies go on.
 */
export async function openContext(
  model: LlamaModel,
  adapter: AdapterFile | undefined,
  adapterSet: OneAtATime,
  options: OpenContextOptions,
): Promise<OpenedContext> {
  let context: LlamaContext | undefined;
  const dispose = async () => {
    await context?.dispose();
    if (adapter !== undefined) await adapterSet.run(() => forgetWeights(model, adapter));
  };
  try {
    if (adapter !== undefined) await checkAdapterFile(adapter);
    const { sequences, created } = await adapterSet.run(async () => {
      context = await createContext(model, adapter, options);
      return { created: context, sequences: await takeSequences(context, adapter) };
    });
    if (sequences[0] !== undefined) await options.warmUp(sequences[0]);
    return { sequences, bytes: bytesOf(created) - bytesOf(model), dispose };
  } catch (cause) {
    await dispose();
    if (cause instanceof OperatingError) throw cause;
    if (adapter !== undefined && !isOutOfMemory(cause))
      throw refusal(adapter, "it does not fit this base model", cause);
    throw new InferenceUnavailableError(options.modelName, { cause });
  }
}

function createContext(
  model: LlamaModel,
  adapter: AdapterFile | undefined,
  options: OpenContextOptions,
): Promise<LlamaContext> {
  return model.createContext({
    contextSize: options.contextTokens,
    sequences: options.sequences,
    batchSize: Math.min(PROMPT_PIECE_TOKENS, options.contextTokens),
    threads: options.threads,
    failedCreationRemedy: false,
    ...(adapter === undefined ? {} : { lora: { adapters: [{ filePath: adapter.path }] } }),
  });
}

/** With an adapter, what the first decode plans for all later ones is planned now. */
async function takeSequences(
  context: LlamaContext,
  adapter: AdapterFile | undefined,
): Promise<readonly LlamaContextSequence[]> {
  const sequences: LlamaContextSequence[] = [];
  while (context.sequencesLeft > 0) sequences.push(context.getSequence());
  if (adapter !== undefined) {
    await sequences[0]?.evaluateWithoutGeneratingNewTokens([ANY_TOKEN]);
    await sequences[0]?.clearHistory();
  }
  return sequences;
}

/** node-llama-cpp 3.22 keeps adapter weights until the model is disposed: 60 adapters of 20 MB cost 1.1 GB. */
async function forgetWeights(model: LlamaModel, { path }: AdapterFile): Promise<void> {
  const internals = model as unknown as { readonly _loraAdapters?: Map<string, { dispose(): Promise<void> }> };
  const filePath = resolve(path);
  const weights = internals._loraAdapters?.get(filePath);
  internals._loraAdapters?.delete(filePath);
  await weights?.dispose();
}

function refusal({ digest }: AdapterFile, why: string, cause: unknown): AdapterRefusedError {
  return new AdapterRefusedError(digest, why, { cause });
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && /failed to create context|insufficient|memory/i.test(error.message);
}

function bytesOf({ memoryUsage }: LlamaContext | LlamaModel): number {
  return memoryUsage.ram + memoryUsage.vram;
}
