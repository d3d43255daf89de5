import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestFile } from "#inference/file-digest.ts";
import { findOllamaModelFile, listModelsDirectories, manifestParts } from "#inference/ollama/find-model-file.ts";
import { openOllamaClient } from "#inference/ollama/ollama-api.ts";
import type { StartedOllama } from "#inference/ollama/start-ollama.ts";
import { collect, request } from "../../../contract/inference-engine.ts";
import { openTinyEngine } from "../../../fixtures/llama/engine-under-test.ts";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../../../fixtures/ollama/ollama-under-test.ts";

const { signal } = new AbortController();

describe.skipIf(ollamaProgram === undefined)("(needs ollama)", () => {
  let directory: string;
  let ollama: StartedOllama;
  let digest: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "reactune-ollama-"));
    ollama = await startTestOllama({ modelsDirectory: directory });
    const prompts = await openTinyPrompts();
    digest = prompts.base.digest;
    await (await openTestEngine(prompts, [ollama.url])).close();
    await prompts.close();
    const from = `reactune-base-${digest.slice(0, 12)}`;
    await openOllamaClient(ollama.url, signal).create({ model: "pulled:1b", from, stream: false });
  });
  afterAll(async () => {
    await ollama.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test("findOllamaModelFile() gives the file that the server holds, and the embedded engine answers from it", async () => {
    const path = await findOllamaModelFile("pulled:1b", { url: ollama.url, modelsDirectories: [], signal });
    expect(await digestFile(path ?? "")).toBe(digest);
    const engine = await openTinyEngine({ modelPath: path ?? "" });

    expect((await collect(engine.generate(request({ replyTokensMax: 4 })))).text).not.toBe("");
    await engine.close();
  });

  test("findOllamaModelFile() reads the manifest when no server answers", async () => {
    const found = { url: "http://127.0.0.1:9", modelsDirectories: ["/nowhere", directory], signal };

    expect(await digestFile((await findOllamaModelFile("pulled:1b", found)) ?? "")).toBe(digest);
    expect(await findOllamaModelFile("pulled", found)).toBeUndefined();
  });
});

test("manifestParts() completes a name as Ollama does, and takes no path for one", () => {
  expect(manifestParts("llama3.2")).toEqual(["registry.ollama.ai", "library", "llama3.2", "latest"]);
  expect(manifestParts("me/mine:1b")).toEqual(["registry.ollama.ai", "me", "mine", "1b"]);
  expect(manifestParts("hf.co/me/mine-GGUF:Q4_K_M")).toEqual(["hf.co", "me", "mine-GGUF", "Q4_K_M"]);
  expect(["../../etc/passwd", "a/../b", "", "/etc/passwd", "a/b/c/d"].map(manifestParts)).toEqual(
    Array.from({ length: 5 }, () => undefined),
  );
});

test("listModelsDirectories() begins with the operator's own", () => {
  expect(listModelsDirectories("/home/ana", "/models")[0]).toBe("/models");
  expect(listModelsDirectories("/home/ana", undefined)[0]).toBe("/home/ana/.ollama/models");
});
