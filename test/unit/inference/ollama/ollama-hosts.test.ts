import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { AdapterRefusedError, InferenceUnavailableError, ReplyBrokenOffError } from "#core/errors.ts";
import type { GenerateChunk } from "#inference/inference-engine.ts";
import type { ModelPrompts } from "#inference/llama/model-prompts.ts";
import { listRunning, openOllamaClient } from "#inference/ollama/ollama-api.ts";
import type { OllamaEngine, OllamaEngineOptions } from "#inference/ollama/ollama-engine.ts";
import type { StartedOllama } from "#inference/ollama/start-ollama.ts";
import { collect, request } from "../../../contract/inference-engine.ts";
import { type AdapterFiles, makeAdapterFiles } from "../../../fixtures/llama/engine-under-test.ts";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../../../fixtures/ollama/ollama-under-test.ts";
import { openTcpProxy, type TcpProxy } from "../../../fixtures/ollama/tcp-proxy.ts";
import { recordingLog } from "../../../fixtures/redis/start-redis.ts";

describe.skipIf(ollamaProgram === undefined)("OllamaEngine with two hosts (needs ollama)", () => {
  let servers: readonly [StartedOllama, StartedOllama];
  let prompts: ModelPrompts;
  let adapters: AdapterFiles;
  beforeAll(async () => {
    servers = await Promise.all([startTestOllama(), startTestOllama()]);
    [prompts, adapters] = await Promise.all([openTinyPrompts(), makeAdapterFiles()]);
  });
  afterAll(() => Promise.all([...servers.map((server) => server.stop()), prompts.close(), adapters.remove()]));

  async function open(
    changes: Partial<OllamaEngineOptions> = {},
  ): Promise<{ engine: OllamaEngine; proxies: readonly [TcpProxy, TcpProxy] }> {
    const proxies = await Promise.all([openTcpProxy(servers[0].url), openTcpProxy(servers[1].url)]);
    const hosts = [
      { url: proxies[0].url, region: "near" },
      { url: proxies[1].url, region: "far" },
    ];
    const engine = await openTestEngine(prompts, [], { hosts, region: "near", ...changes });
    onTestFinished(async () => {
      await engine.close();
      await Promise.all(proxies.map((proxy) => proxy.close()));
    });
    return { engine, proxies };
  }

  const isRunning = async (server: StartedOllama, name: string) =>
    (await listRunning(server.url, new AbortController().signal)).some((model) => model.name.startsWith(name));

  test("generate() moves to the other host when one is gone, and back when it returns", async () => {
    const { engine, proxies } = await open();
    const before = await collect(engine.generate(request()));
    proxies[0].cut();
    const meanwhile = await collect(engine.generate(request()));
    expect((await engine.health()).detail).toContain("1 of 2 hosts");
    expect(await isRunning(servers[1], "reactune-base")).toBe(true);
    proxies[0].mend();
    proxies[1].cut();
    const after = await collect(engine.generate(request()));

    expect([meanwhile.text, after.text]).toEqual([before.text, before.text]);
  });

  test("generate() asks the host that has the pulled model when another lacks it", async () => {
    await open({ region: "far" }); // makes the base on the second host
    const client = openOllamaClient(servers[1].url, new AbortController().signal);
    const from = `reactune-base-${prompts.base.digest.slice(0, 12)}`;
    await client.create({ model: "pulled-once:1b", from, stream: false });
    const log = recordingLog();
    const { engine, proxies } = await open({ pulledName: "pulled-once:1b", log });
    // Near, idle, but for the operator's `ollama pull`.
    const replies = await Promise.all(
      ["a", "b", "c", "d", "e", "f"].map((conversationId) => collect(engine.generate(request({ conversationId })))),
    );

    expect(replies.map(({ text }) => text)).not.toContain("");
    proxies[1].cut();
    await expect(collect(engine.generate(request()))).rejects.toThrow(InferenceUnavailableError);
    expect(log.lines.find(({ event, fields }) => event === "host.failed" && "why" in fields)?.fields).toEqual({
      host: proxies[0].url,
      why: expect.stringContaining("Run `ollama pull pulled-once:1b` on every host"),
    });
  });

  test("generate() ends with an error that tells when a host breaks off midway, and never begins anew", async () => {
    const { engine, proxies } = await open();
    const adapter = adapters.good[0];
    if (adapter === undefined) throw new Error("There is no adapter");
    const whole = await collect(engine.generate(request({ adapter, replyTokensMax: 100 })));
    let text = "";
    for (const proxy of proxies) proxy.cut(4);
    const read = async () => {
      for await (const chunk of engine.generate(request({ adapter, replyTokensMax: 100 }))) {
        if (chunk.kind === "text") text += chunk.text;
      }
    };

    await expect(read()).rejects.toThrow(ReplyBrokenOffError);
    expect(text.length).toBeLessThan(whole.text.length);
    expect(text).not.toBe("");
    expect(whole.text.startsWith(text)).toBe(true);
  });

  test("generate() loads the adapter on another host when its own is gone", async () => {
    const { engine, proxies } = await open();
    const adapter = adapters.good[1];
    if (adapter === undefined) throw new Error("There is no adapter");
    const before = await collect(engine.generate(request({ adapter })));
    proxies[0].cut();

    expect((await collect(engine.generate(request({ adapter })))).text).toBe(before.text);
    expect(await isRunning(servers[1], `reactune-${adapter.digest.slice(0, 12)}`)).toBe(true);
  });

  test("generate() rejects with AdapterRefusedError when a host answers but none can serve the adapter", async () => {
    const { engine, proxies } = await open({ firstTokenMaxMs: 1 });
    proxies[1].cut();
    const [adapter] = adapters.good;
    if (adapter === undefined) throw new Error("There is no adapter");

    await expect(collect(engine.generate(request({ adapter })))).rejects.toThrow(AdapterRefusedError);
    await expect(collect(engine.generate(request()))).rejects.toThrow(InferenceUnavailableError);
  });

  test("generate() gives up a host that falls silent midway", async () => {
    const { engine, proxies } = await open({ nextTokenMaxMs: 300 });
    const [adapter] = adapters.good;
    const asked = request({ replyTokensMax: 100, ...(adapter === undefined ? {} : { adapter }) });
    await collect(engine.generate(asked));
    for (const proxy of proxies) proxy.silence(4);
    const chunks: GenerateChunk[] = [];
    const read = async () => {
      for await (const chunk of engine.generate(asked)) chunks.push(chunk);
    };

    await expect(read()).rejects.toThrow(ReplyBrokenOffError);
    expect(chunks.length).toBeGreaterThan(0);
    expect(chunks.some(({ kind }) => kind === "end")).toBe(false);
  });

  test("generate() rejects with InferenceUnavailableError when every host is gone, and answers when one is back", async () => {
    const { engine, proxies } = await open();
    for (const proxy of proxies) proxy.cut();
    await expect(collect(engine.generate(request()))).rejects.toThrow(InferenceUnavailableError);
    expect((await engine.health()).isReady).toBe(false);
    proxies[1].mend();
    const backAtMs = performance.now();
    await expect
      .poll(() =>
        collect(engine.generate(request())).then(
          ({ text }) => text,
          () => "",
        ),
      )
      .not.toBe("");

    expect(performance.now() - backAtMs).toBeLessThan(5000);
  });

  test("generate() gives its place back when it is aborted while a silent host makes the adapter", async () => {
    const proxy = await openTcpProxy(servers[0].url);
    const engine = await openTestEngine(prompts, [proxy.url]);
    onTestFinished(async () => {
      await engine.close();
      await proxy.close();
    });
    proxy.silence(0);
    const [, , adapter] = adapters.good;
    const stopper = new AbortController();
    const asked = request({ signal: stopper.signal, ...(adapter === undefined ? {} : { adapter }) });
    const running = collect(engine.generate(asked));
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await engine.health()).streaming).toBe(1);
    stopper.abort();

    expect((await running).end.endedBy).toBe("cancelled");
    await expect.poll(async () => (await engine.health()).streaming).toBe(0);
  });

  test("openOllamaEngine() rejects with InferenceUnavailableError when no host answers", async () => {
    await expect(openTestEngine(prompts, ["http://127.0.0.1:9"])).rejects.toThrow(InferenceUnavailableError);
  });
});
