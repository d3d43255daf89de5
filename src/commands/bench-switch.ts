import { composePrompt } from "#inference/compose-prompt.ts";
import type { AdapterFile, GenerateRequest, InferenceEngine } from "#inference/inference-engine.ts";
import { median } from "./bench-figures.ts";

export interface BenchSwitchOptions {
  readonly engine: InferenceEngine;
  /** One per domain. */
  readonly adapters: readonly AdapterFile[];
  readonly systemPrompt: string;
  /** Questions and answers that each domain's conversation has behind it: 0 asks for the first time. */
  readonly turnsBefore: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
}

export interface SwitchFigures {
  /** Time to the first token of a question to another domain than the one before. */
  readonly switchedMsMedian: number;
  /** Of the next question, to the same domain. */
  readonly stayedMsMedian: number;
  /** What changing costs: the least of the first less the least of the second, because other work on the machine only adds to both. */
  readonly switchMs: number;
}

/** Domains in turns, two questions each. The first round is not counted: whatever must be loaded once is loaded then. */
export async function benchSwitch(options: BenchSwitchOptions): Promise<SwitchFigures> {
  const { engine, adapters, rounds } = options;
  const [switched, stayed]: [number[], number[]] = [[], []];
  let asked = 0;
  for (let round = 0; round <= rounds; round += 1) {
    for (const adapter of adapters) {
      const times: number[] = [];
      while (times.length < 2) {
        asked += 1;
        times.push(await ask(engine, requestOf(adapter, asked, options)));
      }
      if (round === 0) continue;
      switched.push(times[0] ?? Number.NaN);
      stayed.push(times[1] ?? Number.NaN);
    }
  }
  return {
    switchedMsMedian: median(switched),
    stayedMsMedian: median(stayed),
    switchMs: Math.min(...switched) - Math.min(...stayed),
  };
}

const TURN = {
  question: "I ordered a kettle last week and it has not come yet. Is that normal, and whom can I ask about it?",
  reply:
    "Orders usually take three to five working days. You find the tracking number in the message that confirmed your order; if it " +
    "shows no movement for two days, write to our support with the number of your order, and we send another one.",
} as const;

function requestOf(
  adapter: AdapterFile,
  asked: number,
  { systemPrompt, turnsBefore, signal }: BenchSwitchOptions,
): GenerateRequest {
  return {
    conversationId: `bench-${adapter.digest}`,
    messages: composePrompt({
      systemPrompt,
      history: Array.from({ length: turnsBefore }, () => TURN),
      // A number of its own in front, so that nobody answers from what he read before.
      question: `${asked}: where is my order, and when does it come?`,
    }),
    adapter,
    sampling: { temperature: 0, topP: 1, topK: 1, repeatPenalty: 1 },
    replyTokensMax: 2,
    signal,
  };
}

async function ask(engine: InferenceEngine, request: GenerateRequest): Promise<number> {
  for await (const chunk of engine.generate(request)) {
    if (chunk.kind === "end" && chunk.firstTokenMs !== undefined) return chunk.firstTokenMs;
  }
  throw new Error("Cannot measure a switch: no token came");
}
