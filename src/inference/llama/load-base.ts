import { getLlama, type Llama, LlamaLogLevel, type LlamaModel } from "node-llama-cpp";
import { InferenceUnavailableError, ModelNotFoundError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { digestFile } from "../file-digest.ts";
import type { BaseModel } from "../inference-engine.ts";
import { checkGgufFile } from "./resolve-model.ts";

export interface LoadBaseOptions {
  readonly modelPath: string;
  readonly modelName: string;
  readonly isStandIn: boolean;
  readonly threads: number;
  readonly contextTokens: number;
  readonly gpu: false | "auto";
  /** False: vocabulary and template only, to make prompts with. */
  readonly holdsWeights?: boolean;
  readonly log: Log;
}

export interface LoadedBase {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly description: BaseModel;
}

/** Loads the weights. Blocks the event loop for up to 200 ms at a time. Rejects with ModelNotFoundError, InferenceUnavailableError. */
export async function loadBase(options: LoadBaseOptions): Promise<LoadedBase> {
  const { modelPath } = options;
  await checkGgufFile(modelPath);
  // Its binary is tried in a child process first: time enough to hash the weights here.
  const [llama, digest] = await Promise.all([openLlama(options), digestFile(modelPath)]);
  try {
    const vocabOnly = options.holdsWeights === false;
    const model = await llama.loadModel({ modelPath, vocabOnly, ...(options.gpu === false ? { gpuLayers: 0 } : {}) });
    const description: BaseModel = {
      name: options.modelName,
      digest,
      architecture: model.architecture,
      parameters: countParameters(model),
      contextTokens: Math.min(options.contextTokens, trainedContextTokens(model)),
      path: modelPath,
      isStandIn: options.isStandIn,
    };
    return { llama, model, description };
  } catch (cause) {
    await llama.dispose();
    throw new ModelNotFoundError(modelPath, { cause });
  }
}

async function openLlama({ gpu, threads, modelName, log }: LoadBaseOptions): Promise<Llama> {
  try {
    return await getLlama({
      gpu,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      maxThreads: threads,
      logLevel: LlamaLogLevel.warn,
      logger: (level, message) => forwardLog(log, level, message),
    });
  } catch (cause) {
    throw new InferenceUnavailableError(modelName, { cause }); // no binary for this machine
  }
}

/** Without weights llama.cpp tells none. */
function trainedContextTokens(model: LlamaModel): number {
  return model.trainContextSize || (model.fileInfo.architectureMetadata.context_length ?? 0);
}

function countParameters(model: LlamaModel): number {
  const tensors = model.fileInfo.fullTensorInfo ?? model.fileInfo.tensorInfo ?? [];
  return tensors.reduce((sum, { dimensions }) => sum + dimensions.reduce<number>((n, size) => n * Number(size), 1), 0);
}

function forwardLog(log: Log, level: LlamaLogLevel, message: string): void {
  const text = message.trim();
  if (text === "") return;
  // What it calls an error can be an adapter that is refused: whoever asked for it decides how bad that is.
  if (level === LlamaLogLevel.fatal) log.error({ text }, "llama.logged");
  else log.debug({ level, text }, "llama.logged");
}
