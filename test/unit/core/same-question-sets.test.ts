import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { benchNearCache, type NearCacheFigures, type QuestionCase } from "#commands/bench-near-cache.ts";
import { nearSimilarityMin, type OpenEmbedder, openE5Embedder } from "#inference/embedding/e5-embedder.ts";

const cases = readFileSync("test/fixtures/questions/questions.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line): QuestionCase => JSON.parse(line));
const directory = join(process.cwd(), ".assets", "embedder");

describe.skipIf(!existsSync(join(directory, "e5-small-enpt-q4.bin")))("benchNearCache()", () => {
  let embedder: OpenEmbedder;
  let figures: readonly NearCacheFigures[] = [];
  beforeAll(async () => {
    embedder = await openE5Embedder({ directory });
    figures = await benchNearCache(embedder, nearSimilarityMin, cases);
    if (process.env["PRINT_FIGURES"] !== undefined) {
      for (const { wrong, ...line } of figures)
        process.stdout.write(`${JSON.stringify({ ...line, wrong: wrong.length })}\n`);
    }
  }, 300_000);
  afterAll(() => embedder.close());

  test("benchNearCache() finds no wrong answer when questions are negated, re-numbered, re-named or otherwise others", () => {
    expect(figures.flatMap((one) => one.wrong)).toEqual([]);
  });

  test.each(["development", "held-out", "fresh"])(
    "benchNearCache() finds 60 % of the %s paraphrases when both languages are asked",
    (split) => {
      for (const one of figures.filter((figure) => figure.split === split)) {
        expect(one.paraphraseHits / one.paraphrases).toBeGreaterThanOrEqual(0.6);
      }
    },
  );

  test("the committed questions are as many as the issue asks for when counted", () => {
    const count = (list: (one: QuestionCase) => number) => cases.reduce((sum, one) => sum + list(one), 0);
    expect(count((one) => one.negated.length + one.renumbered.length + one.renamed.length)).toBeGreaterThanOrEqual(200);
    expect(count((one) => one.same.length)).toBeGreaterThanOrEqual(200);
  });
});
