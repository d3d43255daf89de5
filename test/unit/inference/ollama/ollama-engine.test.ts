import { afterAll, beforeAll, describe } from "vitest";
import type { ModelPrompts } from "#inference/llama/model-prompts.ts";
import type { StartedOllama } from "#inference/ollama/start-ollama.ts";
import { inferenceEngineContract } from "../../../contract/inference-engine.ts";
import { type AdapterFiles, makeAdapterFiles } from "../../../fixtures/llama/engine-under-test.ts";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../../../fixtures/ollama/ollama-under-test.ts";

describe.skipIf(ollamaProgram === undefined)("(needs ollama)", () => {
  let ollama: StartedOllama;
  let prompts: ModelPrompts;
  let adapters: AdapterFiles;
  beforeAll(async () => {
    [ollama, prompts, adapters] = await Promise.all([startTestOllama(), openTinyPrompts(), makeAdapterFiles()]);
  });
  afterAll(() => Promise.all([ollama.stop(), prompts.close(), adapters.remove()]));

  inferenceEngineContract("OllamaEngine", async (limits) => {
    const engine = await openTestEngine(prompts, [ollama.url], limits);
    return { engine, adapters: adapters.good, badAdapters: adapters.bad, close: () => engine.close() };
  });
});
