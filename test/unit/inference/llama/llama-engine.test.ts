import { appendFile, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
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
  const copies = join(adapters.directory, "copies");
  await mkdir(copies);
  const loads = 30;
  let baselineBytes = 0;
  for (let load = 0; load < loads; load += 1) {
    const path = join(copies, `${load}.gguf`);
    await copyFile(large, path);
    await appendFile(path, `${load}`); // behind the weights, where no parser looks: another file
    await engine.prepare({ adapter: await describeFile(path) });
    if (load === 9) baselineBytes = process.memoryUsage.rss();
  }

  // 20 adapters of 5.5 MB would be 110 MB; what is not collected yet when many tests run was up to 45.
  expect(process.memoryUsage.rss() - baselineBytes).toBeLessThan(70_000_000);
});

test("prepare() and generate() refuse an adapter with one byte changed, and llama.cpp never reads it", async () => {
  const engine = await open();
  const bytes = await readFile(good(0).path);
  bytes.writeUInt8((bytes.at(-100) ?? 0) ^ 1, bytes.length - 100);
  const path = join(adapters.directory, "changed-byte.gguf");
  await writeFile(path, bytes);
  const changed = { digest: good(0).digest, path };

  await expect(engine.prepare({ adapter: changed })).rejects.toThrow(/not the one that was made/);
  await expect(collect(engine.generate(request({ adapter: changed })))).rejects.toThrow(AdapterRefusedError);
  expect((await engine.health()).adaptersLoaded).toEqual([]);
  // The changed weights are an adapter that llama.cpp would have taken.
  await engine.prepare({ adapter: await describeFile(path) });
});

const KIND = "Be kind, and answer in one short sentence.";
const asked = (question: string, system = KIND) => [
  { role: "system" as const, content: system },
  { role: "user" as const, content: question },
];

test("generate() says the same whether the beginning of its prompt was read before or not", async () => {
  const questions = ["How do I install it?", "When does my refund arrive?", "How do I reset my password?"];
  const arms = [undefined, good(0), good(1)];
  const warm = await open({ parallelStreams: 1, systemPrompt: KIND });
  const say = async (
    engine: LlamaEngine,
    question: string,
    adapter: AdapterFile | undefined,
    conversationId: string,
  ) => {
    const messages = asked(question);
    const ask = request({
      messages,
      conversationId,
      replyTokensMax: 24,
      ...(adapter === undefined ? {} : { adapter }),
    });
    return (await collect(engine.generate(ask))).text;
  };

  const reused: string[] = [];
  // In turns: what one arm or conversation left behind is there when the next begins.
  for (const question of questions) for (const arm of arms) reused.push(await say(warm, question, arm, question));
  const anew: string[] = [];
  for (const question of questions) {
    for (const arm of arms) {
      const cold = await openTinyEngine({ parallelStreams: 1 });
      anew.push(await say(cold, question, arm, question));
      await cold.close();
    }
  }

  expect(reused).toEqual(anew);
  expect(new Set(reused).size).toBeGreaterThan(arms.length);
});

test("prepare() reads the system prompt, so that the first question waits for its own words alone", async () => {
  const long = Array.from({ length: 30 }, (_, index) => `Rule ${index}: be brief.`).join(" ");
  const [warm, cold] = [await open({ systemPrompt: long }), await open()];
  const firstTokenMs = async (engine: LlamaEngine, adapter: AdapterFile) => {
    await engine.prepare({ adapter });
    const reply = await collect(
      engine.generate(request({ adapter, messages: asked("Why?", long), replyTokensMax: 1 })),
    );
    return reply.end.firstTokenMs ?? Number.NaN;
  };
  const times = { warm: [] as number[], cold: [] as number[] };
  for (const adapter of adapters.good) {
    times.warm.push(await firstTokenMs(warm, adapter));
    times.cold.push(await firstTokenMs(cold, adapter));
  }

  // Other work on the machine only adds to both.
  expect(Math.min(...times.warm)).toBeLessThan(Math.min(...times.cold) / 2);
});
