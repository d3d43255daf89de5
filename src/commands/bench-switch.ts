import type { AdapterFile, GenerateRequest, InferenceEngine } from "#inference/inference-engine.ts";
import { median } from "./bench-figures.ts";

export interface BenchSwitchOptions {
  readonly engine: InferenceEngine;
  /** One per domain. */
  readonly adapters: readonly AdapterFile[];
  readonly rounds: number;
  readonly signal: AbortSignal;
}

export interface SwitchFigures {
  /** Time to the first token when every question is another domain's than the one before. */
  readonly switchedMsMedian: number;
  /** The same questions, all to one domain. */
  readonly stayedMsMedian: number;
}

/** Domains in turns, then one domain alone. The first round of each is not counted: whatever must be loaded is loaded then. */
export async function benchSwitch(options: BenchSwitchOptions): Promise<SwitchFigures> {
  const { adapters } = options;
  const [first] = adapters;
  return {
    switchedMsMedian: median(await askAll(options, (index) => adapters[index % adapters.length])),
    stayedMsMedian: median(await askAll(options, () => first)),
  };
}

async function askAll(
  { engine, adapters, rounds, signal }: BenchSwitchOptions,
  adapterOf: (index: number) => AdapterFile | undefined,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = 0; index < adapters.length * (rounds + 1); index += 1) {
    const adapter = adapterOf(index);
    const firstTokenMs = await ask(engine, {
      conversationId: `bench-${index % adapters.length}`,
      // A number of its own, so that nobody answers from what he read before.
      messages: [{ role: "user", content: `${index}: where is my order, and when does it come?` }],
      ...(adapter === undefined ? {} : { adapter }),
      sampling: { temperature: 0, topP: 1, topK: 1, repeatPenalty: 1 },
      replyTokensMax: 2,
      signal,
    });
    if (index >= adapters.length) times.push(firstTokenMs);
  }
  return times;
}

async function ask(engine: InferenceEngine, request: GenerateRequest): Promise<number> {
  for await (const chunk of engine.generate(request)) {
    if (chunk.kind === "end" && chunk.firstTokenMs !== undefined) return chunk.firstTokenMs;
  }
  throw new Error("Cannot measure a switch: no token came");
}
