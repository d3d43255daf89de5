import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { AdapterContexts } from "#inference/llama/adapter-contexts.ts";
import { type AdapterFiles, makeAdapterFiles } from "../../../fixtures/llama/engine-under-test.ts";
import { watchAdapterSet } from "../../../fixtures/llama/watch-adapter-set.ts";

const ROUNDS = 3;

let adapters: AdapterFiles;
beforeAll(async () => {
  adapters = await makeAdapterFiles();
});
afterAll(() => adapters.remove());

async function openWatched() {
  const { model, calls, met } = await watchAdapterSet();
  const contexts = new AdapterContexts(model, {
    modelName: "reactune-tiny",
    contextTokens: 256,
    threads: 1,
    sequences: 1,
    adaptersLoadedMax: 4,
    warmUp: (sequence) => sequence.evaluateWithoutGeneratingNewTokens(model.tokenize("Hello")),
  });
  onTestFinished(() => contexts.close());
  return { contexts, calls, met };
}

test("close() frees one adapter after another, since two at once corrupt llama.cpp's heap", async () => {
  const { contexts, calls, met } = await openWatched();
  for (const adapter of adapters.good) await contexts.open(adapter, new AbortController().signal);
  await contexts.close();

  expect(calls.filter((call) => call === "free adapter")).toHaveLength(adapters.good.length);
  expect(met).toEqual([]);
});

test("open() and release() never meet in the model's set of adapters, and a reply goes on meanwhile", async () => {
  const { contexts, calls, met } = await openWatched();
  const { signal } = new AbortController();
  const { sequence, release } = await contexts.acquire(undefined, "c", signal);
  let isChanging = true;
  const changing = Promise.all(
    adapters.good.map(async (adapter) => {
      for (let round = 0; round < ROUNDS; round++) {
        await contexts.open(adapter, signal);
        await contexts.release(adapter.digest);
      }
    }),
  ).finally(() => {
    isChanging = false;
  });
  let tokensMeanwhile = 0;
  for await (const _token of sequence.evaluate(sequence.model.tokenize("Why?"), { yieldEogToken: true })) {
    tokensMeanwhile += 1;
    if (!isChanging) break;
  }
  await changing;
  await release(false);

  const changes = ROUNDS * adapters.good.length;
  for (const call of ["make context", "load adapter", "first decode", "free adapter"] as const)
    expect(calls.filter((made) => made === call).length, call).toBeGreaterThanOrEqual(changes);
  expect(met).toEqual([]);
  expect(tokensMeanwhile).toBeGreaterThan(1);
});
