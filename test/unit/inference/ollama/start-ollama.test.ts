import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { InferenceUnavailableError } from "#core/errors.ts";
import { ollamaEnvironment, startOllama } from "#inference/ollama/start-ollama.ts";
import { collect, request } from "../../../contract/inference-engine.ts";
import { makeAdapterFiles } from "../../../fixtures/llama/engine-under-test.ts";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../../../fixtures/ollama/ollama-under-test.ts";

const OPTIONS = {
  modelsDirectory: "/models",
  parallelStreams: 3,
  modelsLoadedMax: 2,
  env: { PATH: "/bin", EMPTY: undefined },
};

test("ollamaEnvironment() says what only the environment can, and passes the rest on", () => {
  expect(ollamaEnvironment({ ...OPTIONS, gpuOverheadBytes: 5, isVerbose: true }, 4321)).toEqual({
    PATH: "/bin",
    OLLAMA_HOST: "127.0.0.1:4321",
    OLLAMA_MODELS: "/models",
    OLLAMA_NUM_PARALLEL: "3",
    OLLAMA_MAX_LOADED_MODELS: "2",
    OLLAMA_GPU_OVERHEAD: "5",
    OLLAMA_DEBUG: "1",
  });
});

test("startOllama() rejects with InferenceUnavailableError when the program is not there, or ends", async () => {
  await expect(startOllama({ ...OPTIONS, program: "/nowhere/ollama" })).rejects.toThrow(InferenceUnavailableError);
  await expect(startOllama({ ...OPTIONS, program: "/bin/false" })).rejects.toThrow(InferenceUnavailableError);
});

describe.skipIf(ollamaProgram === undefined)("(needs ollama)", () => {
  test("a killed server that returns is used again within 5 s, with the adapters that it had", async () => {
    const modelsDirectory = await mkdtemp(join(tmpdir(), "reactune-ollama-"));
    const [first, prompts, adapters] = [
      await startTestOllama({ modelsDirectory }),
      await openTinyPrompts(),
      await makeAdapterFiles(),
    ];
    const port = Number(new URL(first.url).port);
    const engine = await openTestEngine(prompts, [first.url]);
    onTestFinished(async () => {
      await Promise.all([engine.close(), prompts.close(), adapters.remove()]);
      await rm(modelsDirectory, { recursive: true, force: true });
    });
    const [adapter] = adapters.good;
    const asked = request({ replyTokensMax: 12, ...(adapter === undefined ? {} : { adapter }) });
    const before = await collect(engine.generate(asked));
    await first.stop("SIGKILL");
    for (let tries = 0; tries < 4; tries += 1) {
      await expect(collect(engine.generate(asked))).rejects.toThrow(InferenceUnavailableError);
    }
    const second = await startTestOllama({ modelsDirectory, port });
    onTestFinished(() => second.stop());
    const backAtMs = performance.now();
    const answer = () =>
      collect(engine.generate(asked)).then(
        ({ text }) => text,
        () => undefined,
      );
    await expect.poll(answer, { timeout: 20_000 }).toBe(before.text);

    expect(performance.now() - backAtMs).toBeLessThan(5000);
    expect(await engine.listHosted()).toEqual([adapter?.digest]);
  });
});
