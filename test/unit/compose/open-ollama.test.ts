import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type OllamaSettings, ollamaSettingsOf, openOllama } from "#compose/open-ollama.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { ModelNotFoundError } from "#core/errors.ts";
import { openOllamaClient } from "#inference/ollama/ollama-api.ts";
import type { StartedOllama } from "#inference/ollama/start-ollama.ts";
import { collect, request } from "../../contract/inference-engine.ts";
import { makeAdapterFiles, silentLog, TINY_MODEL } from "../../fixtures/llama/engine-under-test.ts";
import { ollamaProgram, startTestOllama } from "../../fixtures/ollama/ollama-under-test.ts";

const config = loadConfig({ ...readSystem(), argvSettings: [], environment: {}, workingDirectory: "/nowhere" });

test("ollamaSettingsOf() chooses Ollama where a host is named and the operator leaves it the choice", () => {
  const at = (inference: Partial<typeof config.inference>, ollamaUrl?: string) =>
    ollamaSettingsOf({
      inference: { ...config.inference, ...inference },
      servers: { ...config.servers, ...(ollamaUrl === undefined ? {} : { ollamaUrl }) },
    });

  expect(at({})).toBeUndefined();
  expect(at({ engine: "llama" }, "http://gpu1:11434")).toBeUndefined();
  expect(at({}, "http://gpu1:11434")?.hosts).toEqual([{ url: "http://gpu1:11434" }]);
  expect(at({ hosts: ["http://gpu2:11434#eu"], region: "eu" }, "http://gpu1:11434")).toMatchObject({
    hosts: [{ url: "http://gpu1:11434" }, { url: "http://gpu2:11434", region: "eu" }],
    region: "eu",
    adapters: "models",
  });
  expect(() => at({ engine: "ollama" })).toThrow(/OLLAMA_HOST, inference.hosts/);
  expect(at({ ollamaProgram: "ollama" })?.hosts).toEqual([{ url: "http://127.0.0.1:11434" }]);
});

describe.skipIf(ollamaProgram === undefined)("openOllama() (needs ollama)", () => {
  let directory: string;
  let ollama: StartedOllama;
  let settings: OllamaSettings;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "reactune-ollama-"));
    ollama = await startTestOllama({ modelsDirectory: directory });
    settings = {
      hosts: [{ url: ollama.url.replace("http://127.0.0.1", "0.0.0.0") }],
      adapters: "models",
      keepAliveMs: 60_000,
      firstTokenMaxMs: 60_000,
      nextTokenMaxMs: 20_000,
      hostRetryMs: 500,
    };
  });
  afterAll(async () => {
    await ollama.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function open(model: string, changes: Partial<OllamaSettings> = {}) {
    const opened = await openOllama(
      { ...config, inference: { ...config.inference, model, threads: 1 } },
      { ...settings, ...changes },
      silentLog,
    );
    onTestFinished(() => opened.close());
    return opened;
  }

  test("serves a file, a model that was pulled, and shares the pulled file: the same base and the same reply", async () => {
    const fromFile = await open(TINY_MODEL);
    const from = `reactune-base-${fromFile.base.digest.slice(0, 12)}`;
    const client = openOllamaClient(ollama.url, new AbortController().signal);
    await client.create({ model: "pulled:1b", from, stream: false });
    const pulled = await open("ollama:pulled:1b");
    const shared = await open("ollama:pulled:1b", { adapters: "shared" });
    const adapters = await makeAdapterFiles();
    const [adapter] = adapters.good;
    for (const asked of [request(), request(adapter === undefined ? {} : { adapter, replyTokensMax: 12 })]) {
      const texts = [];
      for (const { engine } of [fromFile, pulled, shared]) texts.push((await collect(engine.generate(asked))).text);

      expect(new Set(texts).size).toBe(1);
    }
    await adapters.remove();

    expect([pulled.base.digest, shared.base.digest]).toEqual([fromFile.base.digest, fromFile.base.digest]);
    expect(await pulled.adapterHost?.listHosted()).toEqual([adapter?.digest]);
    expect(shared.adapterHost).toBeUndefined();
  });

  test("tells of a pulled model that it sees where its host says so, and of no other", async () => {
    const fromFile = await open(TINY_MODEL);
    const from = `reactune-base-${fromFile.base.digest.slice(0, 12)}`;
    const client = openOllamaClient(ollama.url, new AbortController().signal);
    await client.create({ model: "sees:1b", from, stream: false });
    const { url } = await openSeeing(ollama.url);

    expect((await open("ollama:sees:1b", { hosts: [{ url }] })).base.seesImages).toBe(true);
    const both = await open("ollama:sees:1b", { hosts: [{ url }, { url: ollama.url }] });
    expect([fromFile, both].map(({ base }) => base.seesImages)).toEqual([undefined, undefined]);
  });

  test("rejects with ModelNotFoundError when nobody pulled the model", async () => {
    await expect(open("ollama:absent")).rejects.toThrow(ModelNotFoundError);
  });
});

/** An Ollama that says of every model what it says of one that sees. */
async function openSeeing(targetUrl: string): Promise<{ readonly url: string }> {
  const server = createServer(async (asked, answer) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of asked) chunks.push(chunk);
    const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks) };
    const given = await fetch(new URL(asked.url ?? "/", targetUrl), { method: asked.method ?? "GET", ...body });
    const text = await given.text();
    const told = asked.url === "/api/show" && given.ok;
    answer.writeHead(given.status, { "content-type": "application/json" });
    answer.end(told ? JSON.stringify({ ...JSON.parse(text), capabilities: ["completion", "vision"] }) : text);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
