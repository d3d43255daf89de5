import { expect, onTestFinished, test } from "vitest";
import { benchCache } from "#commands/bench-cache.ts";
import type { QuestionCase } from "#commands/bench-near-cache.ts";
import type { Embedder } from "#inference/embedder.ts";
import { openTinyEngine } from "../../fixtures/llama/engine-under-test.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";

const NONE = { negated: [], renumbered: [], renamed: [], other: [] };
const CASES: readonly QuestionCase[] = [
  {
    ...{ language: "en", split: "fresh", ...NONE },
    question: "How do I return a kettle within 14 days?",
    same: ["What is the way to return a kettle within 14 days?", "How do I return a broken kettle within 14 days?"],
  },
];

/** Everything lies at one point; it counts its texts. */
function crowdedEmbedder(): Embedder & { count: number } {
  return {
    count: 0,
    describe: () => ({ id: "crowded", digest: "0".repeat(64), dimensions: 3, languages: ["en"] }),
    async embed(texts) {
      this.count += texts.length;
      return texts.map(() => Float32Array.of(0, 0, 1));
    },
  };
}

async function openBench() {
  const store = openTempStore();
  const engine = await openTinyEngine();
  onTestFinished(() => engine.close());
  const settings = {
    ...{ isEnabled: true, isNearEnabled: true, ttlMs: 1000, nearSimilarityMin: 0.999 },
    ...{ entriesPerScopeMax: 5000, textMaxChars: 2000 },
  };
  const embedder = crowdedEmbedder();
  return {
    store,
    embedder,
    options: {
      ...{ engine, embedder, settings, cache: store.cache, cases: CASES, rounds: 2, replyTokens: 4 },
      sampling: { temperature: 0, topP: 1, topK: 0, repeatPenalty: 1 },
      signal: new AbortController().signal,
    },
  };
}

test("benchCache() measures all three layers on the cache that it fills and empties", async () => {
  const { store, embedder, options } = await openBench();

  const figures = await benchCache(options);

  expect(figures).toMatchObject({ rounds: 2, entries: 1001 });
  for (const value of [
    figures.generateMsMedian,
    figures.exactMsMedian,
    figures.signatureMsMedian,
    figures.vectorMsMedian,
  ])
    expect(value).toBeGreaterThan(0);
  // One to store, one to find which paraphrase needs it, then in each round the look-up and the embedding alone.
  expect(embedder.count).toBe(6);
  expect(await store.cache.stats()).toMatchObject({ entries: 0, exactHits: 2, nearHits: 5 });
});

test("benchCache() gives no figure for the vector layer when there is no embedder", async () => {
  const { options } = await openBench();

  const figures = await benchCache({ ...options, embedder: undefined });

  expect(figures.vectorMsMedian).toBeNaN();
  expect(figures.signatureMsMedian).toBeGreaterThan(0);
});

test("benchCache() refuses to measure when the cache does not answer", async () => {
  const { options } = await openBench();
  const settings = { ...options.settings, isNearEnabled: false };

  await expect(benchCache({ ...options, embedder: undefined, settings })).rejects.toThrow('it was "none", not "near"');
});
