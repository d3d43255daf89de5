import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { checkEngine } from "#commands/doctor-engine.ts";
import { inspectEngine } from "#compose/inspect-engine.ts";
import { openEmbedding } from "#compose/open-embedding.ts";
import { describeProvider, openAiSettingsOf } from "#compose/open-openai.ts";
import { describeNoAdapters, openServingEngine, readServingDigest } from "#compose/open-serving.ts";
import { missingForTraining } from "#compose/training-settings.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { ConfigInvalidError, ModelNotFoundError } from "#core/errors.ts";
import type { StartedOllama } from "#inference/ollama/start-ollama.ts";
import { collect, request } from "../../contract/inference-engine.ts";
import { openTinyEngine, silentLog, TINY_MODEL } from "../../fixtures/llama/engine-under-test.ts";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../../fixtures/ollama/ollama-under-test.ts";
import { type Answer, openChatServer, sendJson } from "../../fixtures/openai/chat-server.ts";

function configOf(settings: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    ...readSystem(),
    argvSettings: Object.entries(settings).map(([name, value]) => ({ key: `inference.${name}`, value, flag: "--set" })),
    environment,
    workingDirectory: "/nowhere",
  });
}

const groq = { engine: "openai", preset: "groq", hostModel: "llama-3.1-8b-instant" };

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.problems;
    throw error;
  }
  return [];
}

describe("openAiSettingsOf()", () => {
  test("gives a provider's address the provider's own key, from the environment", () => {
    const settings = openAiSettingsOf(configOf(groq, { GROQ_API_KEY: "gsk_1", OPENAI_API_KEY: "sk-1" }));

    expect(settings?.hosts).toEqual([{ url: "https://api.groq.com/openai/v1", kind: "plain", key: "gsk_1" }]);
    expect(settings).toMatchObject({ model: "llama-3.1-8b-instant", keyVariable: "GROQ_API_KEY" });
    expect(openAiSettingsOf(configOf({ engine: "llama" }, { OPENAI_API_KEY: "sk-1" }))).toBeUndefined();
  });

  test("tells of a provider's model that it sees where the operator says so", () => {
    const seesImages = (settings: Readonly<Record<string, string>>) => {
      const config = configOf({ ...groq, ...settings }, { GROQ_API_KEY: "gsk_1" });
      const found = openAiSettingsOf(config);
      return found && describeProvider(config, found).seesImages;
    };

    expect([seesImages({}), seesImages({ hostModelSeesImages: "true" })]).toEqual([undefined, true]);
  });

  test("gives several servers of one's own their key and regions", () => {
    const hosts = "http://gpu1:8000/v1#eu,http://gpu2:8000/v1";
    const settings = openAiSettingsOf(
      configOf({ engine: "openai", preset: "vllm", hosts }, { INFERENCE_API_KEY: "k" }),
    );

    expect(settings?.hosts).toEqual([
      { url: "http://gpu1:8000/v1", region: "eu", kind: "vllm", key: "k" },
      { url: "http://gpu2:8000/v1", kind: "vllm", key: "k" },
    ]);
  });

  test.each([
    [groq, /GROQ_API_KEY in \.env/],
    [{ engine: "openai", preset: "together", hostModel: "m" }, /TOGETHER_API_KEY/],
    [{ engine: "openai", preset: "vllm" }, /set inference\.hosts/],
    [{ engine: "openai", hosts: "gpu1" }, /"gpu1" is no address.*set inference\.hostModel/],
  ])("says what is missing in %j", (settings, wanted) => {
    expect(problemsOf(() => openAiSettingsOf(configOf(settings))).join()).toMatch(wanted);
  });
});

test("missingForTraining() says that chat takes no adapters, unless an adapter is only to be proved", async () => {
  const config = configOf(groq, { GROQ_API_KEY: "gsk_1" });
  const own = configOf({ engine: "openai", preset: "vllm", hosts: "http://gpu1:8000/v1" });

  expect(missingForTraining(config)).toEqual(describeNoAdapters(config));
  expect(describeNoAdapters(config)?.why).toBe("Chat is answered by Groq, which takes no adapters");
  expect(missingForTraining(config, { proofOnly: true })?.why ?? "").not.toMatch(/adapters/);
  expect(describeNoAdapters(own)?.hint).toContain("inference.adapterDirectory");
  expect(
    describeNoAdapters(configOf({ engine: "openai", preset: "llama-server", hosts: "http://a/v1" })),
  ).toBeUndefined();
  // What was trained on a file is of another base than the provider's model.
  const [file, provider] = [
    configOf({ model: TINY_MODEL }),
    configOf({ ...groq, model: TINY_MODEL }, { GROQ_API_KEY: "g" }),
  ];
  expect(await readServingDigest(file, silentLog)).not.toBe(await readServingDigest(provider, silentLog));
});

describe("doctor", () => {
  async function examine(settings: Readonly<Record<string, string>>, answer?: Answer, key?: string) {
    const server = await openChatServer(answer);
    onTestFinished(() => server.close());
    const config = configOf(
      { engine: "openai", hosts: server.url, ...settings },
      key === undefined ? {} : { INFERENCE_API_KEY: key },
    );
    return { server, findings: await checkEngine(() => inspectEngine(config)) };
  }

  test("says what a server serves, and that it takes no adapters", async () => {
    const { server, findings } = await examine({ hostModel: "base" }, undefined, "k-1");

    expect(findings).toEqual([
      expect.objectContaining({ state: "ok", found: expect.stringMatching(/answers with base; takes no adapters/) }),
    ]);
    expect(server.seen[0]).toMatchObject({ path: "/v1/models", authorization: "Bearer k-1" });
  });

  test("says that a key is refused, a model absent, an address wrong, a server down, each with its remedy", async () => {
    const refuse: Answer = (_request, response) => {
      sendJson(response, 401, { error: { message: "Incorrect key k-secret" } });
      return true;
    };
    const wrong: Answer = (_request, response) => {
      sendJson(response, 404, {});
      return true;
    };
    const [refused] = (await examine({ hostModel: "base" }, refuse, "k-secret")).findings;
    const [absent] = (await examine({ hostModel: "other" })).findings;
    const [elsewhere] = (await examine({ hostModel: "base" }, wrong)).findings;
    const [down] = (await examine({ hostModel: "base", hosts: "http://127.0.0.1:9/v1" })).findings;

    expect(refused).toMatchObject({ state: "warning", fix: "Set INFERENCE_API_KEY in .env" });
    expect(JSON.stringify(refused)).not.toContain("k-secret");
    expect(absent).toMatchObject({
      found: expect.stringContaining('"other"; it lists base'),
      fix: expect.stringContaining("hostModel"),
    });
    expect(elsewhere?.fix).toContain("/v1");
    expect(down?.found).toContain("does not answer");
  });

  test("says when vLLM loads no adapters, and when it serves another model than the file", async () => {
    const answer: Answer = ({ path }, response) => {
      if (path !== "/tokenize") return false;
      sendJson(response, 200, { tokens: [1, 2, 3] });
      return true;
    };
    const { findings } = await examine(
      { preset: "vllm", model: TINY_MODEL, adapterDirectory: "/srv/adapters" },
      answer,
    );

    expect(findings.map(({ fix }) => fix).join()).toMatch(/same model.*VLLM_ALLOW_RUNTIME_LORA_UPDATING=True/);
  });

  test("says what the settings lack", async () => {
    const findings = await checkEngine(() => inspectEngine(configOf(groq)));

    expect(findings).toEqual([expect.objectContaining({ state: "failure", fix: "set GROQ_API_KEY in .env" })]);
  });
});

test("openServingEngine() rejects with ModelNotFoundError without the file that writes a server's prompts", async () => {
  const config = configOf({
    engine: "openai",
    preset: "vllm",
    hosts: "http://127.0.0.1:9/v1",
    model: "/nowhere/x.gguf",
  });

  await expect(openServingEngine(config, silentLog)).rejects.toThrow(ModelNotFoundError);
});

/** A third party's reading of the API. */
describe.skipIf(ollamaProgram === undefined)("Ollama's own /v1 (needs ollama)", () => {
  let ollama: StartedOllama;
  let hostModel: string;
  beforeAll(async () => {
    const [started, prompts] = await Promise.all([startTestOllama(), openTinyPrompts()]);
    ollama = started;
    hostModel = `reactune-base-${prompts.base.digest.slice(0, 12)}`;
    await (await openTestEngine(prompts, [ollama.url])).close();
    await prompts.close();
  });
  afterAll(() => ollama.stop());

  test("answers as the embedded engine does when the settings choose it, with embeddings, and doctor finds it well", async () => {
    const config = configOf({
      engine: "openai",
      hosts: `http://127.0.0.1:9/v1,${ollama.url}/v1`,
      hostModel,
      embeddingModel: hostModel,
      embeddingHost: `${ollama.url}/v1`,
      contextTokens: "513", // one more than the longest reply
    });
    const [opened, embedded, embedding] = await Promise.all([
      openServingEngine(config, silentLog),
      openTinyEngine(),
      openEmbedding(config, silentLog),
    ]);
    onTestFinished(async () => {
      await Promise.all([opened.close(), embedded.close(), embedding?.close()]);
    });
    const [here, there] = [
      await collect(embedded.generate(request())),
      await collect(opened.engine.generate(request())),
    ];

    expect(there.text).toBe(here.text);
    expect(opened.base).toMatchObject({ name: `${hostModel} at an OpenAI-compatible server`, adapters: "never" });
    expect(opened.base.digest).toBe(await readServingDigest(config, silentLog));
    expect(embedding?.embedder.describe()).toMatchObject({ id: hostModel, dimensions: 128 });
    expect(opened.encoder.encodePrompt(request().messages).length).toBeGreaterThanOrEqual(here.end.promptTokens);
    const findings = await checkEngine(() => inspectEngine(config));
    expect(findings.map(({ state }) => state)).toEqual(["warning", "ok", "ok"]);
  });

  test("is replaced by the installed embedding model when it does not answer at the start", async () => {
    const warned: string[] = [];
    const log = { ...silentLog, warn: (_fields: unknown, name: string) => void warned.push(name) };
    const embedding = await openEmbedding(
      configOf({ embeddingModel: "m", embeddingHost: "http://127.0.0.1:9/v1" }),
      log,
    );
    await embedding?.close();

    expect(warned[0]).toBe("embedder.unreachable");
    expect(embedding?.embedder.describe().id).not.toBe("m");
  });
});
