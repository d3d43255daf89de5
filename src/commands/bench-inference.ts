import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Now } from "#core/clock.ts";
import type { InferenceEngine } from "#inference/inference-engine.ts";
import { median } from "./bench-figures.ts";

export interface MeasuredReply {
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly replyTokens: number;
}

/** The library below the engine, called with nothing of ours around it. */
export interface InferenceBaseline {
  readonly name: string;
  measure(question: string, replyTokensMax: number): Promise<MeasuredReply>;
}

export interface BenchInferenceOptions {
  readonly engine: InferenceEngine;
  readonly baselines: readonly InferenceBaseline[];
  readonly rounds: number;
  readonly replyTokensMax: number;
  /** With fractions of a ms: `performance.now`. */
  readonly now: Now;
  readonly signal: AbortSignal;
}

export interface InferenceFigures {
  readonly rounds: number;
  /** The engine first, then the baselines in their order. */
  readonly rows: readonly {
    readonly name: string;
    readonly firstTokenMsMedian: number;
    readonly tokensPerSecondMedian: number;
    /** Processor time of the whole reply by its tokens: says more than the clock on a machine that is busy. */
    readonly cpuMsPerTokenMedian: number;
    /** Median over rounds of the engine's tokens/s divided by this row's in the same round; 0.95 means 5 % slower. */
    readonly engineToThisRatio: number;
  }[];
  /** Longest time that the event loop was not free while the engine answered: median and maximum over rounds. */
  readonly eventLoopDelayMsMedian: number;
  readonly eventLoopDelayMsMax: number;
}

interface CountedReply extends MeasuredReply {
  readonly cpuMs: number;
}

const QUESTIONS = [
  "Explain in a few sentences how rain forms.",
  "Tell me a short story about a lighthouse.",
  "What should I pack for a week in the mountains?",
  "Describe how bread is made, step by step.",
  "Give me some advice for a first job interview.",
];
const GREEDY = { temperature: 0, topP: 1, topK: 0, repeatPenalty: 1 };
const NANOSECONDS_PER_MS = 1e6;

/**
 * Engine and baselines answer the same questions in turns, each round in another order, so that what else the machine
 * does meets all alike. The first round warms up and is not counted.
 */
export async function benchInference(options: BenchInferenceOptions): Promise<InferenceFigures> {
  const { rounds, replyTokensMax, signal } = options;
  const engine: InferenceBaseline = {
    name: "reactune",
    measure: (question, tokensMax) => askEngine(options, question, tokensMax),
  };
  const contestants = [engine, ...options.baselines];
  const measured = contestants.map((): CountedReply[] => []);

  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < contestants.length; turn += 1) {
      signal.throwIfAborted();
      const index = (round + turn) % contestants.length;
      const question = QUESTIONS[round % QUESTIONS.length] ?? "";
      const before = process.cpuUsage();
      const reply = await contestants[index]?.measure(question, replyTokensMax);
      const { user, system } = process.cpuUsage(before);
      if (round > 0 && reply !== undefined) measured[index]?.push({ ...reply, cpuMs: (user + system) / 1000 });
    }
  }

  const engineRates = (measured[0] ?? []).map(tokensPerSecond);
  const rows = contestants.map(({ name }, index) => {
    const replies = measured[index] ?? [];
    const rates = replies.map(tokensPerSecond);
    return {
      name,
      firstTokenMsMedian: median(replies.map(({ firstTokenMs }) => firstTokenMs)),
      tokensPerSecondMedian: median(rates),
      cpuMsPerTokenMedian: median(replies.map(({ cpuMs, replyTokens }) => cpuMs / replyTokens)),
      engineToThisRatio: median(rates.map((rate, round) => (engineRates[round] ?? Number.NaN) / rate)),
    };
  });
  const delaysMs = await measureEventLoopDelays(options);
  return {
    rounds,
    rows,
    eventLoopDelayMsMedian: median(delaysMs),
    eventLoopDelayMsMax: Math.max(...delaysMs),
  };
}

/** Apart from the rounds above: the timer that watches the loop keeps it awake, which makes tokens come faster. */
async function measureEventLoopDelays(options: BenchInferenceOptions): Promise<readonly number[]> {
  const delaysMs: number[] = [];
  for (const question of QUESTIONS) {
    options.signal.throwIfAborted();
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    await askEngine(options, question, options.replyTokensMax);
    loop.disable();
    delaysMs.push(loop.max / NANOSECONDS_PER_MS);
  }
  return delaysMs;
}

async function askEngine(
  { engine, now, signal }: BenchInferenceOptions,
  question: string,
  replyTokensMax: number,
): Promise<MeasuredReply> {
  const startedAtMs = now();
  let firstTokenMs = 0;
  let replyTokens = 0;
  const chunks = engine.generate({
    conversationId: `bench-${startedAtMs}`,
    messages: [{ role: "user", content: question }],
    sampling: GREEDY,
    replyTokensMax,
    signal,
  });
  for await (const chunk of chunks) {
    if (chunk.kind === "text") firstTokenMs ||= now() - startedAtMs;
    else replyTokens = chunk.replyTokens;
  }
  return { firstTokenMs, totalMs: now() - startedAtMs, replyTokens };
}

/** While tokens flow: the prompt is not in it. */
function tokensPerSecond({ firstTokenMs, totalMs, replyTokens }: MeasuredReply): number {
  return ((replyTokens - 1) / (totalMs - firstTokenMs)) * 1000;
}
