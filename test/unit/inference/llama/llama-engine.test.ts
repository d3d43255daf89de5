import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { AdapterRefusedError, InferenceUnavailableError, ModelNotFoundError } from "#core/errors.ts";
import type { AdapterFile } from "#inference/inference-engine.ts";
import type { LlamaEngine, LlamaEngineOptions } from "#inference/llama/llama-engine.ts";
import { collect, inferenceEngineContract, request } from "../../../contract/inference-engine.ts";
import {
  type AdapterFiles,
  describeFile,
  makeAdapterFiles,
  openTinyEngine,
  writeLargeAdapter,
} from "../../../fixtures/llama/engine-under-test.ts";

let adapters: AdapterFiles;
beforeAll(async () => {
  adapters = await makeAdapterFiles();
});
afterAll(() => adapters.remove());

inferenceEngineContract("LlamaEngine", async (limits) => {
  const engine = await openTinyEngine(limits);
  return { engine, adapters: adapters.good, badAdapters: adapters.bad, close: () => engine.close() };
});

async function open(changes: Partial<LlamaEngineOptions> = {}): Promise<LlamaEngine> {
  const engine = await openTinyEngine(changes);
  onTestFinished(() => engine.close());
  return engine;
}

function good(index: number): AdapterFile {
  const adapter = adapters.good[index];
  if (adapter === undefined) throw new Error(`There is no adapter ${index}`);
  return adapter;
}

test("openLlamaEngine() rejects with ModelNotFoundError when the file is no model", async () => {
  const garbage = adapters.bad.get("garbage")?.path ?? "";

  await expect(openTinyEngine({ modelPath: garbage })).rejects.toThrow(ModelNotFoundError);
  await expect(openTinyEngine({ modelPath: good(0).path })).rejects.toThrow(ModelNotFoundError);
});

test("openLlamaEngine() never takes a longer context than the model was trained on", async () => {
  const engine = await open({ contextTokens: 100_000 });

  expect(engine.contextTokens).toBe(512);
});

test("close() ends running and waiting streams as cancelled", async () => {
  const engine = await open({ parallelStreams: 1 });
  const asks = [0, 1, 2].map((n) =>
    collect(engine.generate(request({ conversationId: `c${n}`, adapter: good(0), replyTokensMax: 200 }))),
  );
  await expect.poll(async () => (await engine.health()).streaming).toBe(1);
  await engine.close();

  expect((await Promise.all(asks)).map(({ end }) => end.endedBy)).toContain("cancelled");
  await expect(collect(engine.generate(request()))).rejects.toThrow(InferenceUnavailableError);
});

test("generate() refuses an adapter whose file serves another digest", async () => {
  const engine = await open();
  await engine.prepare({ adapter: good(0) });
  const impostor = { digest: "a".repeat(64), path: good(0).path };

  await expect(collect(engine.generate(request({ adapter: impostor })))).rejects.toThrow(AdapterRefusedError);
});

test("generate() waits for memory when no more adapters fit, and all are answered", async () => {
  const { memoryBytes: oneContext = 0 } = await (await open()).health();
  // The estimate counts the weights, 1.9 MB: room for the base context and one more.
  const engine = await open({ memoryMaxBytes: oneContext + (oneContext - 1_880_576), parallelStreams: 2 });
  const replies = await Promise.all(
    adapters.good.map((adapter, n) => collect(engine.generate(request({ conversationId: `c${n}`, adapter })))),
  );

  expect(replies.every(({ text }) => text !== "")).toBe(true);
  expect((await engine.health()).adaptersLoaded).toHaveLength(1);
});

test("generate() rejects with InferenceUnavailableError when no adapter fits into memory", async () => {
  const engine = await open({ memoryMaxBytes: 1 });

  await expect(collect(engine.generate(request({ adapter: good(0) })))).rejects.toThrow(InferenceUnavailableError);
  expect((await collect(engine.generate(request()))).text).not.toBe("");
});

test("release() and generate() of the same adapters at once neither crash nor mix", async () => {
  const engine = await open({ parallelStreams: 4, adaptersLoadedMax: 1 });
  const arms = [undefined, good(0), good(1), good(2)];
  const ask = (n: number) => {
    const adapter = arms[n % arms.length];
    return collect(
      engine.generate(
        request({ conversationId: `c${n}`, replyTokensMax: 8, ...(adapter === undefined ? {} : { adapter }) }),
      ),
    );
  };
  const alone = [await ask(0), await ask(1), await ask(2), await ask(3)].map(({ text }) => text);
  const rounds = Array.from({ length: 24 }, async (_, n) => {
    const reply = await ask(n);
    await engine.release(good(n % 3).digest);
    return reply.text;
  });

  expect(await Promise.all(rounds)).toEqual(rounds.map((_, n) => alone[n % arms.length]));
});

test("generate() frees the weights of adapters that are dropped", async () => {
  const engine = await open({ adaptersLoadedMax: 1 });
  const large = join(adapters.directory, "large.gguf");
  await writeLargeAdapter(large);
  const { digest } = await describeFile(large);
  const copies = join(adapters.directory, "copies");
  await mkdir(copies);
  const loads = 30;
  let baselineBytes = 0;
  for (let load = 0; load < loads; load += 1) {
    const path = join(copies, `${load}.gguf`);
    await copyFile(large, path);
    await engine.prepare({ adapter: { digest: `${load}`.padStart(2, "0") + digest.slice(2), path } });
    if (load === 9) baselineBytes = process.memoryUsage.rss();
  }

  // 20 adapters of 5.5 MB would be 110 MB.
  expect(process.memoryUsage.rss() - baselineBytes).toBeLessThan(40_000_000);
});
