import type { Sampling } from "../inference-engine.ts";

/** What decides how a host loads a model: the same with every call, or it is loaded again. */
export interface RunnerSettings {
  readonly contextTokens: number;
  /** Undefined: the host decides. */
  readonly threads?: number;
  /** Layers on the GPU; undefined: the host decides. */
  readonly gpuLayers?: number;
  /** After this time without a question the host frees the model; below 0: never. */
  readonly keepAliveMs: number;
}

/** The habit of llama.cpp and of the embedded engine. */
const REPEAT_WINDOW_TOKENS = 64;

export function runnerOptions({ contextTokens, threads, gpuLayers }: RunnerSettings) {
  return {
    num_ctx: contextTokens,
    ...(threads === undefined ? {} : { num_thread: threads }),
    ...(gpuLayers === undefined ? {} : { num_gpu: gpuLayers }),
  };
}

/** Every value is said: a pulled model brings its own otherwise. */
export function samplingOptions(sampling: Sampling, replyTokensMax: number, stopTexts: readonly string[]) {
  return {
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    repeat_penalty: sampling.repeatPenalty,
    repeat_last_n: REPEAT_WINDOW_TOKENS,
    min_p: 0,
    typical_p: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    mirostat: 0,
    num_predict: replyTokensMax,
    stop: [...stopTexts],
    ...(sampling.seed === undefined ? {} : { seed: sampling.seed }),
  };
}

export function keepAlive({ keepAliveMs }: RunnerSettings): string | number {
  return keepAliveMs < 0 ? -1 : `${keepAliveMs}ms`;
}
