import { once } from "node:events";
import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { noTracing, openTracing, traceIdOf } from "#compose/tracing.ts";

interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly events?: readonly { readonly name: string }[];
}

/** A collector that keeps what it is sent: OTLP in JSON, as its specification has it. */
async function startCollector() {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    bodies.push(`${request.url} ${Buffer.concat(chunks).toString("utf8")}`);
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const spans = (): readonly SentSpan[] =>
    bodies.flatMap((body) =>
      JSON.parse(body.slice(body.indexOf("{"))).resourceSpans.flatMap(
        ({ scopeSpans }: { scopeSpans: { spans: SentSpan[] }[] }) => scopeSpans.flatMap((scope) => scope.spans),
      ),
    );
  return { url: `http://127.0.0.1:${port}`, bodies, spans };
}

async function* pieces() {
  yield "my secret";
  yield "is blue";
}

test("openTracing() tells of one message as one trace, found by its turn, without a word of it", async () => {
  const collector = await startCollector();
  const tracing = await openTracing({ url: collector.url, version: "1.2.3", role: "bots" });
  const store = tracing.watch(
    "store",
    {
      saved: [] as string[],
      async save(text: string) {
        this.saved.push(text);
        return text.length;
      },
      async find(text: string): Promise<string> {
        throw new RangeError(`cannot find ${text}`);
      },
    },
    ["save", "find"],
  );

  const engine = tracing.watchStreams("engine", { generate: pieces }, ["generate"]);

  const length = await tracing.answer("turn-1", { platform: "slack" }, async () => {
    const read: string[] = [];
    for await (const piece of engine.generate()) read.push(piece);
    await expect(store.find("my secret")).rejects.toThrow(RangeError);
    return store.save(read.join(" "));
  });
  await tracing.close();

  expect(length).toBe("my secret is blue".length);
  const spans = collector.spans();
  const root = spans.find(({ name }) => name === "answer");
  expect(spans.map(({ name, parentSpanId }) => [name, parentSpanId === root?.spanId]).toSorted()).toEqual([
    ["answer", false],
    ["engine.generate", true],
    ["store.find", true],
    ["store.save", true],
  ]);
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf("turn-1")]));
  expect(spans.find(({ name }) => name === "store.find")?.status).toEqual({ code: 2, message: "RangeError" });
  expect(spans.find(({ name }) => name === "engine.generate")?.events).toMatchObject([{ name: "first piece" }]);
  const sent = collector.bodies.join("\n");
  expect(sent).toMatch(/^\/v1\/traces /);
  expect(sent).toContain('"1.2.3"');
  expect(sent).not.toContain("secret");
});

test("openTracing() keeps nobody waiting for a collector that is away", async () => {
  const tracing = await openTracing({ url: "http://127.0.0.1:9", version: "1", role: "bots" });

  expect(await tracing.answer("turn-1", {}, async () => "answered")).toBe("answered");
  await tracing.close();
});

test("noTracing hands everything back as it was", async () => {
  const store = { save: async () => 1 };

  expect(noTracing.watch("store", store, ["save"])).toBe(store);
  expect(await noTracing.answer("turn-1", {}, store.save)).toBe(1);
});
