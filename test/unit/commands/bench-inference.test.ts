import { expect, onTestFinished, test } from "vitest";
import { benchInference } from "#commands/bench-inference.ts";
import { openRawLlama } from "#inference/llama/raw-llama.ts";
import { openTinyEngine, TINY_MODEL } from "../../fixtures/llama/engine-under-test.ts";

test("benchInference() measures the engine and the library below it in the same rounds", async () => {
  const now = () => performance.now();
  const engine = await openTinyEngine({ now });
  const raw = await openRawLlama({ modelPath: TINY_MODEL, threads: 1, contextTokens: 256, now });
  onTestFinished(async () => {
    await raw.close();
    await engine.close();
  });
  const figures = await benchInference({
    engine,
    baselines: [
      { name: "evaluate", measure: raw.evaluate },
      { name: "chat session", measure: raw.prompt },
    ],
    rounds: 2,
    replyTokensMax: 12,
    now,
    signal: new AbortController().signal,
  });

  expect(figures.rows.map(({ name }) => name)).toEqual(["reactune", "evaluate", "chat session"]);
  for (const row of figures.rows) {
    expect(row.tokensPerSecondMedian, row.name).toBeGreaterThan(0);
    expect(row.cpuMsPerTokenMedian, row.name).toBeGreaterThan(0);
    expect(row.firstTokenMsMedian, row.name).toBeGreaterThan(0);
    expect(row.engineToThisRatio, row.name).toBeGreaterThan(0);
  }
  expect(figures.rows[0]?.engineToThisRatio).toBe(1);
  expect(figures.eventLoopDelayMsMax).toBeGreaterThan(0);
});

test("benchInference() stops when aborted", async () => {
  const engine = await openTinyEngine();
  onTestFinished(() => engine.close());
  const bench = benchInference({
    engine,
    baselines: [],
    rounds: 1,
    replyTokensMax: 4,
    now: Date.now,
    signal: AbortSignal.abort(new Error("enough")),
  });

  await expect(bench).rejects.toThrow("enough");
});
