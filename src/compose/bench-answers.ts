import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { benchCache } from "#commands/bench-cache.ts";
import type { BenchRow } from "#commands/bench-figures.ts";
import { benchInference } from "#commands/bench-inference.ts";
import { benchNearCache, TRAP_KINDS } from "#commands/bench-near-cache.ts";
import { programDirectory } from "#config/load.ts";
import type { BenchWorld } from "./bench-parts.ts";
import { openInstalledEmbedding } from "./open-embedding.ts";
import { openEngine, threadsOf } from "./open-inference.ts";
import { openStores } from "./open-stores.ts";

/** Written by hand, kept with the tests that use them too. */
const QUESTIONS_FILE = join("test", "fixtures", "questions", "questions.jsonl");
const Texts = z.array(z.string());
const QuestionLine = z.object({
  language: z.string(),
  split: z.string(),
  question: z.string(),
  same: Texts,
  negated: Texts,
  renumbered: Texts,
  renamed: Texts,
  other: Texts,
});

const INFERENCE_TOKENS = 128;
const CACHED_TOKENS = 128;

/** The embedded engine against node-llama-cpp alone, in one process, in turns. */
export async function inferenceRows({ config, log }: BenchWorld, rounds: number, signal: AbortSignal) {
  const { openRawLlama } = await import("#inference/llama/raw-llama.ts");
  const opened = await openEngine(config, log);
  const { path: modelPath = "" } = opened.base;
  const { threads, contextTokens } = config.inference;
  const now = () => performance.now();
  const raw = await openRawLlama({ modelPath, threads: threadsOf(threads), contextTokens, now });
  try {
    const figures = await benchInference({
      engine: opened.engine,
      baselines: [
        { name: "node-llama-cpp evaluate", measure: raw.evaluate },
        { name: "node-llama-cpp LlamaChatSession", measure: raw.prompt },
      ],
      rounds,
      replyTokensMax: INFERENCE_TOKENS,
      now,
      signal,
    });
    return figures.rows.flatMap((row, index): readonly BenchRow[] => {
      const { name, engineToThisRatio: ratio } = row;
      const cost: BenchRow = {
        bench: "inference",
        measured: `own cost over ${name}`,
        value: (1 - ratio) * 100,
        unit: "% tokens/s",
        goal: { max: 5 },
        note: "median of the ratios per round",
      };
      return [
        {
          bench: "inference",
          measured: `${name}: first token`,
          value: row.firstTokenMsMedian,
          unit: "ms",
          ...(index === 0 ? { goal: { max: 1000 }, note: opened.base.name } : {}),
        },
        { bench: "inference", measured: `${name}: speed`, value: row.tokensPerSecondMedian, unit: "tokens/s" },
        { bench: "inference", measured: `${name}: processor`, value: row.cpuMsPerTokenMedian, unit: "ms/token" },
        ...(index === 0 ? [] : [cost]),
      ];
    });
  } finally {
    await raw.close();
    await opened.close();
  }
}

/** Generating against the three layers of the cache: real engine, real database, real embedding model. */
export async function cacheRows(
  { config, log }: BenchWorld,
  rounds: number,
  signal: AbortSignal,
): Promise<readonly BenchRow[]> {
  const stores = await openStores(config, log);
  const [opened, embedding] = await Promise.all([openEngine(config, log), openInstalledEmbedding(log)]);
  try {
    const { cache } = config;
    const { temperature, topP, topK, repeatPenalty } = config.inference;
    const figures = await benchCache({
      engine: opened.engine,
      sampling: { temperature, topP, topK, repeatPenalty },
      cache: stores.cache,
      embedder: embedding?.embedder,
      settings: {
        isEnabled: true,
        isNearEnabled: true,
        ttlMs: cache.ttlSeconds * 1000,
        nearSimilarityMin: cache.nearSimilarityMin ?? embedding?.nearSimilarityMin ?? 1,
        entriesPerScopeMax: cache.entriesPerScopeMax,
        textMaxChars: cache.textMaxChars,
      },
      cases: await readQuestions(),
      rounds,
      replyTokens: CACHED_TOKENS,
      signal,
    });
    const layer = (name: string, durationMs: number, goalTimes: number): readonly BenchRow[] => [
      { bench: "cache", measured: `${name}: look-up`, value: durationMs, unit: "ms", note: `median of ${rounds}` },
      {
        bench: "cache",
        measured: `${name}: faster than generating`,
        value: figures.generateMsMedian / durationMs,
        unit: "times",
        goal: { min: goalTimes },
      },
    ];
    return [
      {
        bench: "cache",
        measured: `generating ${CACHED_TOKENS} tokens`,
        value: figures.generateMsMedian,
        unit: "ms",
        note: `median of ${rounds}, ${opened.base.name}, ${figures.entries} stored replies`,
      },
      ...layer("exact", figures.exactMsMedian, 5000),
      ...layer("near by signature", figures.signatureMsMedian, 874.8),
      ...(embedding === undefined ? [] : layer("near by embedding", figures.vectorMsMedian, 874.8)),
      ...(embedding === undefined
        ? []
        : [{ bench: "cache", measured: "embedding one question", value: figures.embedMsMedian, unit: "ms" }]),
    ];
  } finally {
    await Promise.all([opened.close(), embedding?.close()]);
    await stores.close();
  }
}

/** Which questions share an answer and which must not. */
export async function nearRows({ log }: BenchWorld, signal: AbortSignal): Promise<readonly BenchRow[]> {
  const embedding = await openInstalledEmbedding(log);
  if (embedding === undefined) return [];
  try {
    const cases = await readQuestions();
    const figures = await benchNearCache(embedding.embedder, embedding.nearSimilarityMin, cases, signal);
    const sum = (value: (one: (typeof figures)[number]) => number, language?: string) =>
      figures
        .filter((one) => language === undefined || one.language === language)
        .reduce((total, one) => total + value(one), 0);
    const share = (name: string, language?: string): BenchRow => ({
      bench: "near",
      measured: `paraphrases found, ${name}`,
      value: (sum((one) => one.paraphraseHits, language) / sum((one) => one.paraphrases, language)) * 100,
      unit: "%",
      goal: { min: 60 },
      note:
        `${sum((one) => one.paraphraseHits, language)} of ${sum((one) => one.paraphrases, language)},` +
        ` ${sum((one) => one.signatureHits, language)} by signature`,
    });
    return [
      share("both languages"),
      share("English", "en"),
      share("Portuguese", "pt"),
      ...TRAP_KINDS.map((kind) => ({
        bench: "near",
        measured: `wrong hits, ${kind}`,
        value: sum((one) => one.wrong.filter((wrong) => wrong.kind === kind).length),
        unit: "",
        goal: { max: 0 },
        note: `of ${sum((one) => one.asked[kind])}`,
      })),
      {
        bench: "near",
        measured: "wrong hits, paraphrases answered as another question",
        value: sum((one) => one.wrong.filter((wrong) => wrong.kind === "paraphrase").length),
        unit: "",
        goal: { max: 0 },
      },
    ];
  } finally {
    await embedding.close();
  }
}

async function readQuestions() {
  const lines = (await readFile(join(programDirectory, QUESTIONS_FILE), "utf8")).trim().split("\n");
  return lines.map((line) => QuestionLine.parse(JSON.parse(line)));
}
