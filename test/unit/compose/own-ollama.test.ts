import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { openEmbedding } from "#compose/open-embedding.ts";
import { openServingEngine } from "#compose/open-serving.ts";
import { startOwnOllama } from "#compose/own-ollama.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { ConfigInvalidError, InferenceUnavailableError } from "#core/errors.ts";
import { openOllamaClient } from "#inference/ollama/ollama-api.ts";
import { collect, request } from "../../contract/inference-engine.ts";
import { silentLog, TINY_MODEL } from "../../fixtures/llama/engine-under-test.ts";
import { ollamaProgram, startTestOllama } from "../../fixtures/ollama/ollama-under-test.ts";
import { freePort, recordingLog } from "../../fixtures/redis/start-redis.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

function configOf(settings: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    ...readSystem(),
    argvSettings: Object.entries(settings).map(([name, value]) => ({ key: `inference.${name}`, value, flag: "--set" })),
    environment,
    workingDirectory: "/nowhere",
  });
}

test("startOwnOllama() starts nothing without a program, or where no host is on this machine", async () => {
  const hosts = ["http://gpu1:11434", "http://127.0.0.1:9"];

  expect(await startOwnOllama(configOf({}), hosts, silentLog)).toBeUndefined();
  const program = configOf({ ollamaProgram: "/nowhere/ollama" });
  expect(await startOwnOllama(program, hosts.slice(0, 1), silentLog)).toBeUndefined();
  await expect(startOwnOllama(program, hosts, silentLog)).rejects.toThrow(InferenceUnavailableError);
});

test("openEmbedding() refuses a model of Ollama when no host is named", async () => {
  await expect(openEmbedding(configOf({ embeddingModel: "ollama:nomic-embed-text" }), silentLog)).rejects.toThrow(
    ConfigInvalidError,
  );
});

describe.skipIf(ollamaProgram === undefined)("(needs ollama)", () => {
  test("openServingEngine() starts Ollama with its settings and no secret, again when it died, and ends it", async () => {
    const directory = await mkdtemp(join(tmpdir(), "reactune-ollama-"));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    for (const [name, value] of [
      ["OLLAMA_MODELS", directory],
      ["HOME", directory],
      ["SLACK_BOT_TOKEN", "xoxb-1"],
    ] as const)
      vi.stubEnv(name, value);
    const url = `http://127.0.0.1:${await freePort()}`;
    const log = recordingLog();
    const settings = { ollamaProgram: `${ollamaProgram}`, parallelStreams: "2", adaptersLoadedMax: "3", threads: "1" };
    const config = configOf({ ...settings, model: TINY_MODEL, hostRetryMs: "200" }, { OLLAMA_HOST: url });
    const opened = await openServingEngine(config, log);
    const pids = () =>
      log.lines
        .filter(({ event }) => event === "ollama.started")
        .map(({ fields }) => z.object({ pid: z.int() }).parse(fields).pid);

    expect((await collect(opened.engine.generate(request()))).text).not.toBe("");
    if (process.platform === "linux") {
      const environment = readFileSync(`/proc/${pids()[0]}/environ`, "utf8").split("\0");
      expect(environment).toEqual(expect.arrayContaining(["OLLAMA_NUM_PARALLEL=2", "OLLAMA_MAX_LOADED_MODELS=4"]));
      expect(environment.filter((variable) => variable.startsWith("SLACK"))).toEqual([]);
    }
    expect(await startOwnOllama(config, [url], log)).toBeUndefined();

    process.kill(-Number(pids()[0]), "SIGKILL");
    await vi.waitFor(() => expect(pids()).toHaveLength(2), { timeout: 10_000 });
    await vi.waitFor(async () => expect((await collect(opened.engine.generate(request()))).text).not.toBe(""), {
      timeout: 10_000,
    });

    await opened.close();
    await expect(fetch(`${url}/api/version`)).rejects.toThrow(TypeError);
  }, 60_000);

  test("openEmbedding() compares by a model that Ollama pulled, and by the installed one when it is not there", async () => {
    const ollama = await startTestOllama();
    onTestFinished(() => ollama.stop());
    const config = configOf({ model: TINY_MODEL, threads: "1" }, { OLLAMA_HOST: ollama.url });
    const serving = await openServingEngine(config, silentLog);
    onTestFinished(() => serving.close());
    await collect(serving.engine.generate(request()));
    const client = openOllamaClient(ollama.url, new AbortController().signal);
    const from = `reactune-base-${serving.base.digest.slice(0, 12)}`;
    await client.create({ model: "compares:1b", from, stream: false });

    const withModel = (model: string) => configOf({ embeddingModel: model }, { OLLAMA_HOST: ollama.url });
    const opened = await openEmbedding(withModel("ollama:compares:1b"), silentLog);
    const [one, other] = (await opened?.embedder.embed(["one", "other"])) ?? [];
    expect(opened?.embedder.describe()).toMatchObject({ id: "compares:1b", dimensions: one?.length });
    expect(one).not.toEqual(other);
    await opened?.close();

    const log = recordingLog();
    await (await openEmbedding(withModel("ollama:absent"), log))?.close();
    expect(log.lines.map(({ event }) => event)).toContain("embedder.unreachable");
  }, 60_000);
});
