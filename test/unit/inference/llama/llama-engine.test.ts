import { afterAll, beforeAll } from "vitest";
import { inferenceEngineContract } from "../../../contract/inference-engine.ts";
import { type AdapterFiles, makeAdapterFiles, openTinyEngine } from "../../../fixtures/llama/engine-under-test.ts";

let adapters: AdapterFiles;
beforeAll(async () => {
  adapters = await makeAdapterFiles();
});
afterAll(() => adapters.remove());

inferenceEngineContract("LlamaEngine", async (limits) => {
  const engine = await openTinyEngine(limits);
  return { engine, adapters: adapters.good, badAdapters: adapters.bad, close: () => engine.close() };
});
