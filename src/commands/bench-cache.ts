import { answerFromCache, type CacheSettings, rememberReply } from "#bots/answer-from-cache.ts";
import { nearSignature, refuseSharing } from "#core/may-share-answer.ts";
import { plainQuestion } from "#core/plain-question.ts";
import type { Embedder } from "#inference/embedder.ts";
import type { InferenceEngine, Sampling } from "#inference/inference-engine.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import { median } from "./bench-figures.ts";
import type { QuestionCase } from "./bench-near-cache.ts";

export interface BenchCacheOptions {
  readonly engine: InferenceEngine;
  readonly sampling: Sampling;
  /** Empty; filled here. */
  readonly cache: SemanticCache;
  /** Embeds every text anew: one that remembers would hide its cost. */
  readonly embedder: Embedder | undefined;
  readonly settings: CacheSettings;
  readonly cases: readonly QuestionCase[];
  readonly rounds: number;
  readonly replyTokens: number;
  readonly signal: AbortSignal;
}

export interface CacheFigures {
  readonly rounds: number;
  readonly entries: number;
  readonly generateMsMedian: number;
  readonly exactMsMedian: number;
  readonly signatureMsMedian: number;
  /** NaN without an embedder. */
  readonly vectorMsMedian: number;
  readonly embedMsMedian: number;
}

/** Besides the questions: a cache that has been in use, so that no look-up is fast because the table is empty. */
const FILLER_ENTRIES = 1000;
const SCOPE = "bench";
/** What a model goes on about for long. */
const LONG_QUESTION = "Write a long story, with many details, about";
const SUBJECTS = ["a lighthouse", "a baker", "two sisters", "an old train", "a lost dog", "the first snow", "a map"];

/**
 * Each round generates one reply of exactly `replyTokens` tokens and looks up three questions by the function that
 * answers people: the stored one, a paraphrase of its signature, a paraphrase that only the vector finds.
 */
export async function benchCache(options: BenchCacheOptions): Promise<CacheFigures> {
  const { cache, embedder, cases, rounds } = options;
  const entries = await fill(options);
  const pairs = cases.flatMap((one) => one.same.map((asked) => ({ asked, stored: one.question })));
  const allowed = pairs.filter(({ asked, stored }) => refuseSharing(asked, stored) === undefined);
  const [signed, unsigned] = [
    allowed.filter(({ asked, stored }) => hasSignatureOf(asked, stored)),
    allowed.filter(({ asked, stored }) => !hasSignatureOf(asked, stored)),
  ];
  const near: string[] = [];
  for (const { asked } of embedder === undefined ? [] : unsigned) {
    if ((await lookUp(options, asked)).similarity !== undefined) near.push(asked);
  }
  const times = { generate: [], exact: [], signature: [], vector: [], embed: [] } as Record<Timed, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    options.signal.throwIfAborted();
    times.generate.push(await generate(options, round));
    times.exact.push(await timeHit(options, at(cases, round).question, "exact"));
    times.signature.push(await timeHit(options, at(signed, round).asked, "near"));
    if (embedder === undefined || near.length === 0) continue;
    times.vector.push(await timeHit(options, at(near, round), "near"));
    times.embed.push(await timeOf(() => embedder.embed([at(near, round)])));
  }
  await cache.clear();
  return {
    rounds,
    entries,
    generateMsMedian: median(times.generate),
    exactMsMedian: median(times.exact),
    signatureMsMedian: median(times.signature),
    vectorMsMedian: median(times.vector),
    embedMsMedian: median(times.embed),
  };
}

type Timed = "generate" | "exact" | "signature" | "vector" | "embed";

async function fill({ cache, embedder, settings, cases }: BenchCacheOptions): Promise<number> {
  const base = { scope: SCOPE, reply: "Within thirty days, in its box. ".repeat(10), domain: "support", nowMs: 0 };
  for (const [index, { question }] of cases.entries()) {
    await rememberReply(cache, embedder, settings, { ...base, question, turnId: `case-${index}` });
  }
  const dimensions = embedder?.describe().dimensions ?? 0;
  for (let index = 0; index < FILLER_ENTRIES; index += 1) {
    const question = `How do I order spare part number ${index} for the kettle?`;
    const vector = { vector: fillerVector(index, dimensions) };
    const rest = embedder === undefined ? {} : vector;
    await rememberReply(cache, embedder, settings, { ...base, question, turnId: `filler-${index}`, ...rest });
  }
  return (await cache.stats()).entries;
}

/** Spread over all directions, near no question. */
function fillerVector(seed: number, dimensions: number): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, (_, index) => Math.sin((seed + 1) * (index + 1) * 1.7));
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

function hasSignatureOf(asked: string, stored: string): boolean {
  const signature = nearSignature(plainQuestion(asked));
  return signature !== undefined && signature === nearSignature(plainQuestion(stored));
}

async function lookUp({ cache, embedder, settings }: BenchCacheOptions, question: string) {
  const ask = { scope: SCOPE, question, isFirstTurn: true, isRegeneration: false, hasImages: false, nowMs: 1 };
  return (await answerFromCache(cache, embedder, settings, ask)).use;
}

async function timeHit(options: BenchCacheOptions, question: string, hit: "exact" | "near"): Promise<number> {
  const startedMs = performance.now();
  const use = await lookUp(options, question);
  const durationMs = performance.now() - startedMs;
  if (use.hit !== hit) throw new Error(`Cannot measure "${question}": it was "${use.hit}", not "${hit}"`);
  return durationMs;
}

const TRIES_MAX = 20;

/** A reply that ends sooner is no measure: another subject is tried. */
async function generate(options: BenchCacheOptions, round: number): Promise<number> {
  const { engine, sampling, replyTokens, signal } = options;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const content = `${LONG_QUESTION} ${at(SUBJECTS, round + tries)} (${round}).`;
    const conversationId = `bench-cache-${round}-${tries}`;
    const messages = [{ role: "user", content }] as const;
    const startedMs = performance.now();
    const chunks = engine.generate({ conversationId, messages, sampling, replyTokensMax: replyTokens, signal });
    for await (const chunk of chunks) {
      if (chunk.kind === "end" && chunk.replyTokens === replyTokens) return performance.now() - startedMs;
    }
  }
  throw new Error(`Cannot measure generating: no reply of ${TRIES_MAX} had ${replyTokens} tokens`);
}

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index % list.length];
  if (item === undefined) throw new Error("Cannot measure: there are no questions");
  return item;
}
