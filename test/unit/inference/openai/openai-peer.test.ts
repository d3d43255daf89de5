import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InferenceUnavailableError, ModelNotFoundError } from "#core/errors.ts";
import type { ModelPrompts } from "#inference/llama/model-prompts.ts";
import { openOllamaEmbedder } from "#inference/ollama/ollama-embedder.ts";
import type { StartedOllama } from "#inference/ollama/start-ollama.ts";
import { estimatedEncoder } from "#inference/openai/estimated-encoder.ts";
import { openOpenAiEmbedder } from "#inference/openai/openai-embedder.ts";
import { OpenAiEngine } from "#inference/openai/openai-engine.ts";
import { completeApiUrl } from "#inference/openai/presets.ts";
import { collect, request } from "../../../contract/inference-engine.ts";
import { openTinyEngine, silentLog } from "../../../fixtures/llama/engine-under-test.ts";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../../../fixtures/ollama/ollama-under-test.ts";

/** Ollama speaks OpenAI's API too: a third party's reading of it. */
describe.skipIf(ollamaProgram === undefined)("OpenAI's API, as Ollama serves it (needs ollama)", () => {
  let ollama: StartedOllama;
  let prompts: ModelPrompts;
  let model: string;
  beforeAll(async () => {
    [ollama, prompts] = await Promise.all([startTestOllama(), openTinyPrompts()]);
    model = `reactune-base-${prompts.base.digest.slice(0, 12)}`;
    await (await openTestEngine(prompts, [ollama.url])).close();
  });
  afterAll(() => Promise.all([ollama.stop(), prompts.close()]));

  test("generate() says what the embedded engine says, and ends as it does", async () => {
    const engine = new OpenAiEngine({
      hosts: [{ url: `${ollama.url}/v1/`, kind: "plain" }],
      base: prompts.base,
      model,
      firstTokenMaxMs: 60_000,
      nextTokenMaxMs: 20_000,
      hostRetryMs: 500,
      parallelStreams: 4,
      queueMax: 8,
      queueWaitMaxMs: 5000,
      adaptersLoadedMax: 4,
      now: Date.now,
      log: silentLog,
    });
    const embedded = await openTinyEngine();
    await engine.prepare({});
    for (const replyTokensMax of [4, 40]) {
      const [here, there] = [
        await collect(embedded.generate(request({ replyTokensMax }))),
        await collect(engine.generate(request({ replyTokensMax }))),
      ];

      expect(there.text).toBe(here.text);
      expect(there.end).toMatchObject({ endedBy: here.end.endedBy, promptTokens: here.end.promptTokens });
    }
    expect(await engine.health()).toMatchObject({ isReady: true, streaming: 0 });
    await Promise.all([engine.close(), embedded.close()]);
  });

  test("embed() gives the same unit vectors by both APIs", async () => {
    const common = { model, languages: ["en"], timeoutMs: 60_000 };
    const byOllama = await openOllamaEmbedder({ ...common, url: ollama.url, keepAliveMs: 60_000 });
    const byOpenAi = await openOpenAiEmbedder({ ...common, url: `${ollama.url}/v1` });
    const texts = ["How do I install it?", "Tell me about Brindle."];
    const [own, other] = [await byOllama.embed(texts), await byOpenAi.embed(texts)];

    expect(byOllama.describe()).toMatchObject({ digest: prompts.base.digest, dimensions: 128 });
    expect(byOpenAi.describe().dimensions).toBe(128);
    for (const [index, vector] of own.entries()) {
      expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
      expect(vector.reduce((sum, value, n) => sum + value * (other[index]?.[n] ?? 0), 0)).toBeCloseTo(1, 4);
    }
    expect(own[0]).not.toEqual(own[1]);
    expect(await byOllama.embed([])).toEqual([]);
  });

  test("openOllamaEmbedder() rejects with ModelNotFoundError, or InferenceUnavailableError without a server", async () => {
    const options = { model: "absent", languages: [], timeoutMs: 5000, keepAliveMs: 0 };

    await expect(openOllamaEmbedder({ ...options, url: ollama.url })).rejects.toThrow(ModelNotFoundError);
    await expect(openOllamaEmbedder({ ...options, url: "http://127.0.0.1:9" })).rejects.toThrow(
      InferenceUnavailableError,
    );
    await expect(openOpenAiEmbedder({ ...options, url: "http://127.0.0.1:9" })).rejects.toThrow(
      InferenceUnavailableError,
    );
  });

  test("estimatedEncoder() never counts fewer tokens than the model does", () => {
    const messages = [{ role: "user" as const, content: "How do I install it, and where is my order?" }];
    const estimated = estimatedEncoder(512).encodePrompt(messages).length;

    expect(estimated).toBeGreaterThanOrEqual(prompts.encodePrompt(messages).length);
  });
});

test("completeApiUrl() knows providers by name and cuts slashes at the end", () => {
  expect(completeApiUrl("groq")).toBe("https://api.groq.com/openai/v1");
  expect(completeApiUrl("http://127.0.0.1:8000/v1/")).toBe("http://127.0.0.1:8000/v1");
});
