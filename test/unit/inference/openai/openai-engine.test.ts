import { expect, onTestFinished, test } from "vitest";
import { AdapterRefusedError, InferenceUnavailableError, ReplyBrokenOffError } from "#core/errors.ts";
import { OpenAiEngine, type OpenAiEngineOptions } from "#inference/openai/openai-engine.ts";
import type { ServerKind } from "#inference/openai/presets.ts";
import { collect, request } from "../../../contract/inference-engine.ts";
import { silentLog } from "../../../fixtures/llama/engine-under-test.ts";
import {
  type Answer,
  type ChatServer,
  openChatServer,
  sendJson,
  sendStream,
} from "../../../fixtures/openai/chat-server.ts";

const ADAPTER = { digest: `${"ab".repeat(32)}`, path: "/adapters/ab.gguf" };
const base = {
  name: "base",
  digest: "0".repeat(64),
  architecture: "llama",
  parameters: 1,
  contextTokens: 512,
  isStandIn: false,
};
const prompts = {
  encodePrompt: () => [1, 716, 201],
  encodeReply: () => [2],
  contextTokens: 512,
  stopTexts: ["<|im_end|>"],
};

async function openServer(answer?: Answer): Promise<ChatServer> {
  const server = await openChatServer(answer);
  onTestFinished(() => server.close());
  return server;
}

function openEngine(
  servers: readonly ChatServer[],
  kind: ServerKind,
  changes: Partial<OpenAiEngineOptions> = {},
): OpenAiEngine {
  const engine = new OpenAiEngine({
    hosts: servers.map(({ url }) => ({ url, kind, key: "sk-secret" })),
    base,
    model: "base",
    firstTokenMaxMs: 5000,
    nextTokenMaxMs: 300,
    hostRetryMs: 500,
    parallelStreams: 4,
    queueMax: 8,
    queueWaitMaxMs: 5000,
    adaptersLoadedMax: 4,
    now: Date.now,
    log: silentLog,
    ...changes,
  });
  onTestFinished(() => engine.close());
  return engine;
}

test("generate() streams a chat with the key, and counts tokens as the server does", async () => {
  const server = await openServer();
  const { text, end } = await collect(openEngine([server], "plain").generate(request()));

  expect(text).toBe("one two three");
  expect(end).toMatchObject({ endedBy: "stop", promptTokens: 7, replyTokens: 3 });
  expect(server.seen[0]).toMatchObject({
    path: "/v1/chat/completions",
    authorization: "Bearer sk-secret",
    body: { model: "base", max_tokens: 40, messages: [{ role: "user", content: "How do I install it?" }] },
  });
  // Providers refuse what they do not know.
  expect(Object.keys(server.seen[0]?.body ?? {})).not.toContain("top_k");
});

test("generate() sends images beside the words as a chat takes them", async () => {
  const server = await openServer();
  const images = [Uint8Array.of(0x89, 0x50), Uint8Array.of(0xff, 0xd8)];
  const messages = [
    { role: "system" as const, content: "Be kind." },
    { role: "user" as const, content: "What is this?", images },
  ];
  await collect(openEngine([server], "plain").generate(request({ messages })));

  expect(server.seen[0]?.body).toMatchObject({
    messages: [
      { role: "system", content: "Be kind." },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,iVA=" } },
          { type: "image_url", image_url: { url: "data:image/jpeg;base64,/9g=" } },
          { type: "text", text: "What is this?" },
        ],
      },
    ],
  });
});

test("generate() ends with ReplyBrokenOffError when the stream stops before the reply does", async () => {
  const server = await openServer(({ path }, response) => {
    sendStream(response, ["one"], path, false);
    return true;
  });

  await expect(collect(openEngine([server], "plain").generate(request()))).rejects.toThrow(ReplyBrokenOffError);
  expect(server.seen).toHaveLength(1);
});

test("generate() ends with ReplyBrokenOffError when the server falls silent midway", async () => {
  const server = await openServer((_request, response) => {
    response.writeHead(200).write('data: {"choices":[{"delta":{"content":"one"}}]}\n\n');
    return true;
  });

  await expect(collect(openEngine([server], "plain").generate(request()))).rejects.toThrow(ReplyBrokenOffError);
});

test("generate() moves on when a server is busy, and gives up what a server refuses", async () => {
  const [busy, fine] = [
    await openServer((_request, response) => {
      sendJson(response, 429, { error: { message: "Slow down: How do I install it?" } });
      return true;
    }),
    await openServer(),
  ];
  expect((await collect(openEngine([busy, fine], "plain").generate(request()))).text).toBe("one two three");

  const refusing = await openServer((_request, response) => {
    sendJson(response, 400, { error: { message: "Bad words: How do I install it?" } });
    return true;
  });
  const failure = await collect(openEngine([refusing], "plain").generate(request())).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(InferenceUnavailableError);
  expect(refusing.seen).toHaveLength(1);
  // Neither key nor words of people reach a log.
  const told = describeAll(failure);
  expect(told).toContain("HTTP 400");
  expect(told).not.toMatch(/sk-secret|install/);
});

test("generate() closes the connection when it is aborted", async () => {
  let closed = false;
  const server = await openServer((_request, response) => {
    response.on("close", () => {
      closed = true;
    });
    response.writeHead(200).write('data: {"choices":[{"delta":{"content":"one"}}]}\n\n');
    return true;
  });
  const stopper = new AbortController();
  const engine = openEngine([server], "plain", { nextTokenMaxMs: 60_000 });
  for await (const chunk of engine.generate(request({ signal: stopper.signal }))) {
    if (chunk.kind === "text") stopper.abort();
    else expect(chunk.endedBy).toBe("cancelled");
  }

  await expect.poll(() => closed).toBe(true);
});

test("generate() says that a provider refuses the key, and nothing of its words", async () => {
  const refusing = await openServer((_request, response) => {
    sendJson(response, 401, { error: { message: "Incorrect key k-secret" } });
    return true;
  });

  const failure = await collect(openEngine([refusing], "plain").generate(request())).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(InferenceUnavailableError);
  expect(String(failure)).toContain("it refuses the key (HTTP 401)");
  expect(String(failure)).not.toContain("k-secret");
});

test("generate() refuses adapters where the server takes none", async () => {
  const engine = openEngine([await openServer()], "plain");

  await expect(collect(engine.generate(request({ adapter: ADAPTER })))).rejects.toThrow(AdapterRefusedError);
});

test("prepare() loads an adapter into vLLM once, generate() asks for it by name, release() frees it", async () => {
  const server = await openServer(({ path }, response) => {
    if (!path.endsWith("lora_adapter")) return false;
    sendJson(response, 200, {});
    return true;
  });
  const engine = openEngine([server], "vllm", {
    adapterPathOnHost: async ({ digest }) => `/shared/${digest}`,
    prompts,
  });
  await engine.prepare({ adapter: ADAPTER });
  await collect(engine.generate(request({ adapter: ADAPTER })));
  expect((await engine.health()).adaptersLoaded).toEqual([ADAPTER.digest]);
  await engine.release(ADAPTER.digest);

  const name = `reactune-${ADAPTER.digest.slice(0, 12)}`;
  const calls = server.seen.filter(({ path }) => path !== "/v1/models");
  expect(calls.map(({ path }) => path)).toEqual([
    "/v1/load_lora_adapter",
    "/v1/completions",
    "/v1/unload_lora_adapter",
  ]);
  expect(calls[0]?.body).toEqual({ lora_name: name, lora_path: `/shared/${ADAPTER.digest}` });
  expect(calls[1]?.body).toMatchObject({ model: name, prompt: [1, 716, 201], stop: ["<|im_end|>"], top_k: -1 });
});

test("purge() unloads what another process loaded into vLLM, and rejects when a server does not answer", async () => {
  const server = await openServer(({ path }, response) => {
    if (!path.endsWith("lora_adapter")) return false;
    sendJson(response, 404, { error: { message: "not loaded" } });
    return true;
  });
  const engine = openEngine([server], "vllm");
  await engine.purge(ADAPTER.digest);
  expect(server.seen.map(({ path }) => path)).toEqual(["/v1/unload_lora_adapter"]);

  await server.close();
  await expect(engine.purge(ADAPTER.digest)).rejects.toThrow(InferenceUnavailableError);
});

test("prepare() takes an adapter that vLLM has already, and refuses one that it does not take", async () => {
  const name = `reactune-${ADAPTER.digest.slice(0, 12)}`;
  const answer =
    (models: readonly string[]): Answer =>
    ({ path }, response) => {
      if (path === "/v1/models") sendJson(response, 200, { data: models.map((id) => ({ id })) });
      else sendJson(response, 400, { error: { message: "already loaded, or broken" } });
      return true;
    };
  const open = async (models: readonly string[]) =>
    openEngine([await openServer(answer(models))], "vllm", { adapterPathOnHost: async ({ digest }) => digest });

  await expect((await open(["base", name])).prepare({ adapter: ADAPTER })).resolves.toBeUndefined();
  await expect((await open(["base"])).prepare({ adapter: ADAPTER })).rejects.toThrow(AdapterRefusedError);
});

test("generate() tells llama-server which adapter to apply, and none for the base", async () => {
  const server = await openServer(({ path }, response) => {
    if (path !== "/lora-adapters") return false;
    sendJson(response, 200, [
      { id: 0, path: "/a/other.gguf", scale: 1 },
      { id: 1, path: `/a/${ADAPTER.digest}.gguf`, scale: 1 },
    ]);
    return true;
  });
  const engine = openEngine([server], "llama-server", { prompts });
  await collect(engine.generate(request({ adapter: ADAPTER })));
  await collect(engine.generate(request()));
  const bodies = server.seen.filter(({ path }) => path === "/v1/completions").map(({ body }) => body["lora"]);

  expect(bodies).toEqual([
    [
      { id: 0, scale: 0 },
      { id: 1, scale: 1 },
    ],
    [
      { id: 0, scale: 0 },
      { id: 1, scale: 0 },
    ],
  ]);
  const unknown = { ...ADAPTER, digest: "cd".repeat(32) };
  await expect(collect(engine.generate(request({ adapter: unknown })))).rejects.toThrow(AdapterRefusedError);
});

function describeAll(error: unknown): string {
  const told: string[] = [];
  for (let part = error; part instanceof Error; part = part.cause) told.push(`${part.stack} ${JSON.stringify(part)}`);
  return told.join("\n");
}
