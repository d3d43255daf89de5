import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openServingEngine } from "#compose/open-serving.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { AdapterRefusedError } from "#core/errors.ts";
import type { AdapterFile } from "#inference/inference-engine.ts";
import type { ModelPrompts } from "#inference/llama/model-prompts.ts";
import { writePeftFolder } from "#inference/llama/write-peft.ts";
import { inspectHost } from "#inference/openai/inspect-host.ts";
import { OpenAiEngine, type OpenAiEngineOptions } from "#inference/openai/openai-engine.ts";
import { findServedModel } from "#inference/openai/served-model.ts";
import { collect, type EngineLimits, inferenceEngineContract, request } from "../../../contract/inference-engine.ts";
import {
  type AdapterFiles,
  makeAdapterFiles,
  openTinyEngine,
  silentLog,
  TINY_MODEL,
} from "../../../fixtures/llama/engine-under-test.ts";
import { openTinyPrompts } from "../../../fixtures/ollama/ollama-under-test.ts";
import {
  llamaServerProgram,
  type StartedServer,
  startLlamaServer,
  vllm,
} from "../../../fixtures/openai/own-servers.ts";

const ROOMY: EngineLimits = { parallelStreams: 4, queueMax: 32, queueWaitMaxMs: 60_000, adaptersLoadedMax: 4 };

async function openEngine(
  host: OpenAiEngineOptions["hosts"][number],
  prompts: ModelPrompts,
  changes: Partial<OpenAiEngineOptions> = {},
): Promise<OpenAiEngine> {
  const model = await findServedModel([host]);
  return new OpenAiEngine({
    hosts: [host],
    base: prompts.base,
    model,
    prompts,
    firstTokenMaxMs: 60_000,
    nextTokenMaxMs: 30_000,
    hostRetryMs: 500,
    ...ROOMY,
    now: Date.now,
    log: silentLog,
    ...changes,
  });
}

/** Token for token, with and without adapters. */
async function expectSameReplies(engine: OpenAiEngine, adapters: readonly AdapterFile[]): Promise<void> {
  const embedded = await openTinyEngine();
  onTestFinished(() => embedded.close());
  for (const adapter of [undefined, ...adapters]) {
    for (const content of ["How do I install it?", "Tell me about Brindle.", "A first line\nand <|im_end|> a second"]) {
      const asked = request({
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content },
        ],
        replyTokensMax: 16,
        ...(adapter === undefined ? {} : { adapter }),
      });
      const [here, there] = [await collect(embedded.generate(asked)), await collect(engine.generate(asked))];

      expect(there.text).toBe(here.text);
      expect(there.end).toMatchObject({ endedBy: here.end.endedBy, promptTokens: here.end.promptTokens });
    }
  }
}

async function sampleOf(prompts: ModelPrompts) {
  const messages = [{ role: "user" as const, content: "Where is my order 4711?" }];
  return { text: prompts.renderPrompt(messages), tokens: prompts.encodePrompt(messages) };
}

describe.skipIf(llamaServerProgram === undefined)("llama-server itself (needs llama-server)", () => {
  let server: StartedServer;
  let prompts: ModelPrompts;
  let adapters: AdapterFiles;
  beforeAll(async () => {
    [prompts, adapters] = await Promise.all([openTinyPrompts(), makeAdapterFiles()]);
    server = await startLlamaServer(adapters.good);
  });
  afterAll(() => Promise.all([server?.stop(), prompts?.close(), adapters?.remove()]));

  inferenceEngineContract("OpenAiEngine on llama-server", async (limits) => {
    const engine = await openEngine({ url: server.url, kind: "llama-server" }, prompts, limits);
    return { engine, adapters: adapters.good, badAdapters: adapters.bad, close: () => engine.close() };
  });

  test("generate() says what the embedded engine says, with and without adapters", async () => {
    const engine = await openEngine({ url: server.url, kind: "llama-server" }, prompts);
    onTestFinished(() => engine.close());

    await expectSameReplies(engine, adapters.good.slice(0, 2));
  });

  test("inspectHost() finds the adapters that it was started with, and the same vocabulary", async () => {
    const sample = await sampleOf(prompts);
    const ask = (text: string) => inspectHost({ url: server.url, kind: "llama-server", sample: { ...sample, text } });

    expect(await ask(sample.text)).toMatchObject({ takesAdapters: true, adapters: 3, hasSameVocabulary: true });
    expect(await ask("other")).toMatchObject({ hasSameVocabulary: false });
  });

  test("generate() finds an adapter by its hash when the server numbers its adapters anew", async () => {
    const [first] = adapters.good;
    if (first === undefined) throw new Error("There is no adapter");
    const other = await startLlamaServer(adapters.good.toReversed());
    onTestFinished(() => other.stop());
    const texts = [];
    for (const { url } of [server, other]) {
      const engine = await openEngine({ url, kind: "llama-server" }, prompts);
      texts.push((await collect(engine.generate(request({ adapter: first, replyTokensMax: 12 })))).text);
      await engine.close();
    }

    expect(texts[1]).toBe(texts[0]);
  });
});

describe.skipIf(vllm === undefined)("vLLM itself (needs VLLM_URL)", () => {
  const { url, adapterDirectory } = vllm ?? { url: "", adapterDirectory: "" };
  const adapterPathOnHost = (adapter: AdapterFile) => writePeftFolder(adapter, TINY_MODEL, adapterDirectory);
  let prompts: ModelPrompts;
  let adapters: AdapterFiles;
  beforeAll(async () => {
    [prompts, adapters] = await Promise.all([openTinyPrompts(), makeAdapterFiles()]);
  });
  afterAll(() => Promise.all([prompts?.close(), adapters?.remove()]));

  inferenceEngineContract("OpenAiEngine on vLLM", async (limits) => {
    const engine = await openEngine({ url, kind: "vllm" }, prompts, { adapterPathOnHost, ...limits });
    return { engine, adapters: adapters.good, badAdapters: adapters.bad, close: () => engine.close() };
  });

  test("generate() says what the embedded engine says, with and without adapters", async () => {
    const engine = await openEngine({ url, kind: "vllm" }, prompts, { adapterPathOnHost });
    onTestFinished(() => engine.close());

    await expectSameReplies(engine, adapters.good.slice(0, 2));
  });

  test("inspectHost() finds that it takes adapters, and the same vocabulary", async () => {
    const sample = await sampleOf(prompts);

    expect(await inspectHost({ url, kind: "vllm", sample })).toMatchObject({
      takesAdapters: true,
      hasSameVocabulary: true,
    });
  });

  test("generate() loads an adapter again when vLLM lost it", async () => {
    const [adapter] = adapters.good;
    if (adapter === undefined) throw new Error("There is no adapter");
    const engine = await openEngine({ url, kind: "vllm" }, prompts, { adapterPathOnHost });
    onTestFinished(() => engine.close());
    const before = await collect(engine.generate(request({ adapter, replyTokensMax: 8 })));
    const lost = await fetch(`${url}/unload_lora_adapter`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ lora_name: `reactune-${adapter.digest.slice(0, 12)}` }),
    });

    expect(lost.ok).toBe(true);
    expect((await collect(engine.generate(request({ adapter, replyTokensMax: 8 })))).text).toBe(before.text);
  });

  test("openServingEngine() writes adapters where vLLM reads them, and removes what is withdrawn", async () => {
    const [adapter] = adapters.good;
    if (adapter === undefined) throw new Error("There is no adapter");
    const settings = { engine: "openai", preset: "vllm", hosts: url, model: TINY_MODEL, adapterDirectory };
    const config = loadConfig({
      ...readSystem(),
      argvSettings: Object.entries({ ...settings, contextTokens: "513" }).map(([name, value]) => {
        return { key: `inference.${name}`, value, flag: "--set" };
      }),
      environment: {},
    });
    const { engine, adapterHost, base, close } = await openServingEngine(config, silentLog);
    onTestFinished(close);
    const ask = async (changes = {}) =>
      (await collect(engine.generate(request({ replyTokensMax: 8, ...changes })))).text;

    expect(await ask({ adapter })).not.toBe(await ask());
    expect(base).toMatchObject({ name: "reactune-tiny-f16 at vLLM", digest: prompts.base.digest });
    expect(await adapterHost?.listHosted()).toContain(adapter.digest);
    await adapterHost?.removeHosted(adapter.digest);
    expect(await adapterHost?.listHosted()).not.toContain(adapter.digest);
  });

  test("prepare() rejects with AdapterRefusedError when the server's folder is another", async () => {
    const adapter = { digest: "d".repeat(64), path: "/nowhere/x.gguf" };
    const engine = await openEngine({ url, kind: "vllm" }, prompts, { adapterPathOnHost: async () => "/nowhere/x" });
    onTestFinished(() => engine.close());

    await expect(engine.prepare({ adapter })).rejects.toThrow(AdapterRefusedError);
  });
});
