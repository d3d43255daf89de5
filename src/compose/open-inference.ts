import { availableParallelism } from "node:os";
import { ModelNotFoundError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { AdapterHost } from "#inference/adapter-host.ts";
import type { BaseModel, InferenceEngine } from "#inference/inference-engine.ts";
import type { PromptEncoder } from "#inference/prompt-encoder.ts";
import { type FoundModel, findModel, type ModelConfig } from "./find-model.ts";

export interface OpenEngine {
  readonly engine: InferenceEngine;
  readonly encoder: PromptEncoder;
  readonly base: BaseModel;
  /** Where adapters are copied to other machines. */
  readonly adapterHost?: AdapterHost;
  close(): Promise<void>;
}

/** One core is left for everything else; on one core there is no choice. */
export function threadsOf(setting: number | "auto"): number {
  return setting === "auto" ? Math.max(1, availableParallelism() - 1) : setting;
}

/** The identity of the file of `inference.model`, without loading it. Rejects with ModelNotFoundError. */
export async function readFileDigest(config: ModelConfig, log: Log): Promise<string> {
  const { digestFile } = await import("#inference/file-digest.ts");
  return digestFile((await findModel(config, log)).path);
}

/** The embedded engine. Rejects with ModelNotFoundError. */
export async function openEngine(config: ModelConfig, log: Log): Promise<OpenEngine> {
  return openEmbedded(await findModel(config, log), config, log);
}

/** The embedded engine on a file that is known. Rejects with ModelNotFoundError. */
export async function openEmbedded(
  model: FoundModel,
  { inference: config, assistant }: Pick<ModelConfig, "inference" | "assistant">,
  log: Log,
): Promise<OpenEngine> {
  const { openLlamaEngine } = await import("#inference/llama/llama-engine.ts");
  const engine = await openLlamaEngine({
    modelPath: model.path,
    modelName: model.name,
    isStandIn: model.isStandIn,
    threads: threadsOf(config.threads),
    contextTokens: config.contextTokens,
    parallelStreams: config.parallelStreams,
    queueMax: config.queueMax,
    queueWaitMaxMs: config.queueWaitMaxMs,
    adaptersLoadedMax: config.adaptersLoadedMax,
    ...(config.memoryMaxBytes === undefined ? {} : { memoryMaxBytes: config.memoryMaxBytes }),
    ...(assistant === undefined ? {} : { systemPrompt: assistant.systemPrompt }),
    now: Date.now,
    log,
  });
  const [base] = await engine.list();
  if (base === undefined) throw new ModelNotFoundError(config.model);
  return { engine, encoder: engine, base, close: () => engine.close() };
}
