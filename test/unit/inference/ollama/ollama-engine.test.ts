import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { AdapterRefusedError, ModelNotFoundError } from "#core/errors.ts";
import type { AdapterFile } from "#inference/inference-engine.ts";
import type { ModelPrompts } from "#inference/llama/model-prompts.ts";
import {
  listModels,
  OllamaRefusalError,
  openOllamaClient,
  showModel,
  uploadBlob,
} from "#inference/ollama/ollama-api.ts";
import type { OllamaEngine, OllamaEngineOptions } from "#inference/ollama/ollama-engine.ts";
import type { StartedOllama } from "#inference/ollama/start-ollama.ts";
import { collect, inferenceEngineContract, request } from "../../../contract/inference-engine.ts";
import {
  type AdapterFiles,
  describeFile,
  makeAdapterFiles,
  openTinyEngine,
  silentLog,
} from "../../../fixtures/llama/engine-under-test.ts";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../../../fixtures/ollama/ollama-under-test.ts";
import { openRecorder } from "../../../fixtures/ollama/recorder.ts";

describe.skipIf(ollamaProgram === undefined)("(needs ollama)", () => {
  let ollama: StartedOllama;
  let prompts: ModelPrompts;
  let adapters: AdapterFiles;
  const signal = new AbortController().signal;
  beforeAll(async () => {
    [ollama, prompts, adapters] = await Promise.all([startTestOllama(), openTinyPrompts(), makeAdapterFiles()]);
  });
  afterAll(() => Promise.all([ollama.stop(), prompts.close(), adapters.remove()]));

  inferenceEngineContract("OllamaEngine", async (limits) => {
    const engine = await openTestEngine(prompts, [ollama.url], limits);
    return { engine, adapters: adapters.good, badAdapters: adapters.bad, close: () => engine.close() };
  });

  async function open(changes: Partial<OllamaEngineOptions> = {}): Promise<OllamaEngine> {
    const engine = await openTestEngine(prompts, [ollama.url], changes);
    onTestFinished(() => engine.close());
    return engine;
  }

  function good(index: number): AdapterFile {
    const adapter = adapters.good[index];
    if (adapter === undefined) throw new Error(`There is no adapter ${index}`);
    return adapter;
  }

  async function namesOnHost(): Promise<readonly string[]> {
    return (await listModels(ollama.url, signal)).map(({ name }) => name);
  }

  test("generate() says what the embedded engine says, with and without adapters", async () => {
    const [engine, embedded] = [await open(), await openTinyEngine()];
    const questions = ["How do I install it?", "Tell me about Brindle.", "A first line\nand a second"];
    for (const adapter of [undefined, good(0), good(1)]) {
      for (const content of questions) {
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
    await embedded.close();
  });

  test("prepare() sends nothing of an adapter with one byte changed", async () => {
    const bytes = await readFile(good(0).path);
    bytes.writeUInt8((bytes.at(-100) ?? 0) ^ 1, bytes.length - 100);
    const path = join(adapters.directory, "changed.gguf");
    await writeFile(path, bytes);
    // The right name for a file that has become another.
    const changed = { digest: (await describeFile(good(2).path)).digest, path };
    const engine = await open();
    await engine.removeHosted(changed.digest);

    await expect(engine.prepare({ adapter: changed })).rejects.toThrow(AdapterRefusedError);
    await expect(collect(engine.generate(request({ adapter: changed })))).rejects.toThrow(AdapterRefusedError);
    const found = createHash("sha256").update(bytes).digest("hex");
    expect((await fetch(`${ollama.url}/api/blobs/sha256:${found}`, { method: "HEAD" })).status).toBe(404);
    expect(await engine.listHosted()).not.toContain(changed.digest);
  });

  test("uploadBlob() is refused by the host when the bytes do not have the digest", async () => {
    await expect(uploadBlob(ollama.url, good(0).path, "1".repeat(64), signal)).rejects.toThrow(OllamaRefusalError);
  });

  test("prepare() takes what an earlier process made, and removeHosted() deletes it", async () => {
    await (await open()).prepare({ adapter: good(0) });
    const events: unknown[] = [];
    const log = { ...silentLog, info: (fields: object, event: string) => void events.push({ ...fields, event }) };
    const later = await open({ log });
    expect(await later.listHosted()).toContain(good(0).digest);
    await later.prepare({ adapter: good(0) });
    expect(events).toContainEqual(expect.objectContaining({ event: "adapter.ready-on-host", isThere: true }));

    await later.removeHosted(good(0).digest);
    expect(await later.listHosted()).not.toContain(good(0).digest);
    expect((await later.health()).adaptersLoaded).toEqual([]);
    expect((await fetch(`${ollama.url}/api/blobs/sha256:${good(0).digest}`, { method: "HEAD" })).status).toBe(404);
  });

  test("removeHosted() leaves models alone that are not ours, whatever their names", async () => {
    const engine = await open();
    const from = `reactune-base-${prompts.base.digest.slice(0, 12)}`;
    const client = openOllamaClient(ollama.url, signal);
    const sameName = `reactune-${good(1).digest.slice(0, 12)}`;
    await engine.removeHosted(good(1).digest);
    await client.create({ model: sameName, from, stream: false });
    await client.create({ model: "llama3.2", from, stream: false });
    await engine.removeHosted(good(1).digest);

    expect(await namesOnHost()).toEqual(expect.arrayContaining([`${sameName}:latest`, "llama3.2:latest"]));
    expect(await engine.listHosted()).not.toContain(good(1).digest);
    // What is needed is made all the same, and is the adapter.
    await engine.prepare({ adapter: good(1) });
    expect((await showModel(ollama.url, sameName, signal))?.adapterDigests).toEqual([good(1).digest]);
  });

  test("generate() makes a model again that somebody deleted", async () => {
    const engine = await open();
    const before = await collect(engine.generate(request({ adapter: good(0) })));
    await openOllamaClient(ollama.url, signal).delete({ model: `reactune-${good(0).digest.slice(0, 12)}` });

    expect((await collect(engine.generate(request({ adapter: good(0) })))).text).toBe(before.text);
  });

  test("generate() stops the host when it is aborted, so that the next reply begins at once", async () => {
    const engine = await open({ parallelStreams: 4 });
    await engine.prepare({ adapter: good(0) });
    const stopper = new AbortController();
    const long = collect(
      engine.generate(request({ adapter: good(0), replyTokensMax: 400, signal: stopper.signal, conversationId: "a" })),
    );
    await expect.poll(async () => (await engine.health()).streaming).toBe(1);
    const next = collect(engine.generate(request({ adapter: good(0), replyTokensMax: 2, conversationId: "b" })));
    // The host writes one reply at a time: this one waits for the long one, which is given up.
    stopper.abort();

    expect((await long).end.endedBy).toBe("cancelled");
    expect((await next).end.replyTokens).toBe(2);
  });

  test("openOllamaEngine() serves a model that the operator pulled, and no other version of it", async () => {
    const from = `reactune-base-${prompts.base.digest.slice(0, 12)}`;
    await open();
    await openOllamaClient(ollama.url, signal).create({ model: "pulled:1b", from, stream: false });
    const engine = await open({ pulledName: "pulled:1b" });
    expect((await collect(engine.generate(request()))).text).not.toBe("");

    const base = { ...prompts.base, digest: "0".repeat(64) };
    await expect(open({ pulledName: "pulled:1b", base })).rejects.toThrow(ModelNotFoundError);
    await expect(open({ pulledName: "absent" })).rejects.toThrow(ModelNotFoundError);
  });

  test("generate() sends images where a model may see them, and takes no typed mark for one", async () => {
    const sent: { prompt: string; images?: readonly string[] }[] = [];
    const passOn = openRecorder(ollama.url, (body) => void sent.push(body));
    const engine = await openTestEngine(prompts, [(await passOn).url]);
    onTestFinished(async () => {
      await engine.close();
      (await passOn).close();
    });
    const png = Uint8Array.from([137, 80, 78, 71]);
    const asked = request({
      messages: [{ role: "user", content: "What is [img-0]?", images: [png] }],
      replyTokensMax: 2,
    });
    await collect(engine.generate(asked));

    expect(sent.at(-1)).toMatchObject({ images: ["iVBORw=="] });
    expect(sent.at(-1)?.prompt).toContain("user\n[img-0]What is [img\u200b-0]?");
  });

  test("generate() passes the settings of the runner on", async () => {
    const engine = await open({ keepAliveMs: -1 });
    await collect(engine.generate(request({ replyTokensMax: 2 })));
    // The host notes it a moment after the reply has ended.
    const expiresAtMs = async () => {
      const { models } = await openOllamaClient(ollama.url, signal).ps();
      return new Date(models[0]?.expires_at ?? 0).getTime();
    };

    await expect.poll(expiresAtMs, { timeout: 5000 }).toBeGreaterThan(Date.now() + 365 * 86_400_000);
  });
});
