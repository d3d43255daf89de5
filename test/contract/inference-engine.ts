import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { AdapterRefusedError, QueueFullError } from "#core/errors.ts";
import type { AdapterFile, GenerateEnd, GenerateRequest, InferenceEngine } from "#inference/inference-engine.ts";

export interface EngineLimits {
  readonly parallelStreams: number;
  readonly queueMax: number;
  readonly queueWaitMaxMs: number;
  readonly adaptersLoadedMax: number;
}

export interface EngineUnderTest {
  readonly engine: InferenceEngine;
  /** At least three that answer unlike the base and unlike each other. */
  readonly adapters: readonly AdapterFile[];
  /** By what is wrong with them. */
  readonly badAdapters: ReadonlyMap<string, AdapterFile>;
  close(): Promise<void>;
}

export interface Reply {
  readonly text: string;
  readonly chunks: readonly string[];
  readonly end: GenerateEnd;
}

const ROOMY: EngineLimits = { parallelStreams: 2, queueMax: 32, queueWaitMaxMs: 60_000, adaptersLoadedMax: 4 };
const GREEDY = { temperature: 0, topP: 1, topK: 0, repeatPenalty: 1 };
const LONG_REPLY_TOKENS = 200;

/** What every InferenceEngine promises. Call it once per implementation. */
export function inferenceEngineContract(
  name: string,
  openEngine: (limits: EngineLimits) => Promise<EngineUnderTest>,
): void {
  // Opening takes longer than a test: where the limits do not matter one engine serves all, without adapters left over.
  let shared: EngineUnderTest;
  beforeAll(async () => {
    shared = await openEngine(ROOMY);
  });
  afterEach(async () => {
    for (const digest of (await shared.engine.health()).adaptersLoaded) await shared.engine.release(digest);
  });
  afterAll(() => shared.close());

  async function open(limits: Partial<EngineLimits>): Promise<EngineUnderTest> {
    const opened = await openEngine({ ...ROOMY, ...limits });
    onTestFinished(() => opened.close());
    return opened;
  }

  describe(name, () => {
    test("list() names the base model by a digest", async () => {
      const { engine } = shared;
      const [base] = await engine.list();

      expect(base?.digest).toMatch(/^[0-9a-f]{64}$/);
      expect(base?.contextTokens).toBeGreaterThan(0);
      expect(base?.parameters).toBeGreaterThan(0);
    });

    test("generate() streams text in several chunks and ends once", async () => {
      const { engine } = shared;
      const reply = await ask(engine, { replyTokensMax: 24 });

      expect(reply.chunks.length).toBeGreaterThan(1);
      expect(reply.text.length).toBeGreaterThan(0);
      expect(reply.end.replyTokens).toBeGreaterThan(1);
      expect(reply.end.promptTokens).toBeGreaterThan(5);
      expect(reply.end.firstTokenMs).toBeLessThanOrEqual(reply.end.totalMs);
    });

    test("generate() gives the same reply each time when temperature is 0", async () => {
      const { engine } = shared;
      const first = await ask(engine, { conversationId: "one" });
      const sameConversation = await ask(engine, { conversationId: "one" });
      const otherConversation = await ask(engine, { conversationId: "two" });

      expect(sameConversation.text).toBe(first.text);
      expect(otherConversation.text).toBe(first.text);
    });

    test("generate() gives the same reply for the same seed and others for other seeds", async () => {
      const { engine } = shared;
      const hot = (seed: number) =>
        ask(engine, { sampling: { temperature: 1.5, topP: 1, topK: 0, repeatPenalty: 1, seed }, replyTokensMax: 16 });
      const texts = [await hot(1), await hot(1), await hot(2), await hot(3)].map(({ text }) => text);

      expect(texts[1]).toBe(texts[0]);
      expect(new Set(texts).size).toBeGreaterThan(1);
    });

    test("generate() ends with length when the reply reaches its limit", async () => {
      const { engine } = shared;
      const { end } = await ask(engine, { replyTokensMax: 3 });

      expect(end).toMatchObject({ endedBy: "length", replyTokens: 3 });
    });

    test("generate() ends with length when the context is full", async () => {
      const { engine, adapters } = shared;
      const [base] = await engine.list();
      const content = "a b c d e f g ".repeat(Math.ceil((base?.contextTokens ?? 0) / 7));
      const { end } = await ask(engine, { messages: [{ role: "user", content }], ...withAdapter(adapters[0]) });

      expect(end).toMatchObject({ endedBy: "length", replyTokens: 0 });
    });

    test("generate() ends as cancelled at once when aborted while it streams", async () => {
      const { engine, adapters } = shared;
      const stopper = new AbortController();
      const chunks: string[] = [];
      let end: GenerateEnd | undefined;
      for await (const chunk of engine.generate(endless(adapters, { signal: stopper.signal }))) {
        if (chunk.kind === "text") chunks.push(chunk.text);
        else end = chunk;
        if (chunks.length === 2) stopper.abort();
      }

      expect(end?.endedBy).toBe("cancelled");
      expect(end?.replyTokens).toBeLessThan(LONG_REPLY_TOKENS);
      await expectIdle(engine);
    });

    test("generate() yields only the end when aborted before it starts", async () => {
      const { engine } = shared;
      const { text, end } = await ask(engine, { signal: AbortSignal.abort() });

      expect(text).toBe("");
      expect(end).toMatchObject({ endedBy: "cancelled", replyTokens: 0 });
    });

    test("generate() gives its place back when the reader leaves early", async () => {
      const { engine, adapters } = await open({ parallelStreams: 1 });
      for await (const _chunk of engine.generate(endless(adapters))) break;

      await expectIdle(engine);
      expect((await ask(engine)).end.endedBy).not.toBe("cancelled");
    });

    test("generate() does not hold a place for a reader that is slow", async () => {
      const { engine } = await open({ parallelStreams: 1 });
      const slow = engine.generate(request({ replyTokensMax: 8 }))[Symbol.asyncIterator]();
      await slow.next();

      expect((await ask(engine)).end.replyTokens).toBeGreaterThan(0);
      await slow.return?.();
    });

    test("generate() rejects with QueueFullError when too many wait", async () => {
      const { engine, adapters } = await open({ parallelStreams: 1, queueMax: 1 });
      const stopper = new AbortController();
      const running = collect(engine.generate(endless(adapters, { signal: stopper.signal })));
      const waiting = collect(engine.generate(request({ signal: stopper.signal })));

      await expect(ask(engine)).rejects.toThrow(QueueFullError);
      stopper.abort();
      expect((await running).end.endedBy).toBe("cancelled");
      expect((await waiting).end.endedBy).toBe("cancelled");
    });

    test("generate() rejects with QueueFullError when it waited too long", async () => {
      const { engine, adapters } = await open({ parallelStreams: 1, queueWaitMaxMs: 1 });
      const stopper = new AbortController();
      const running = collect(engine.generate(endless(adapters, { signal: stopper.signal })));

      await expect(ask(engine)).rejects.toThrow(QueueFullError);
      stopper.abort();
      await running;
    });

    test("generate() serves a quiet conversation before the backlog of a busy one", async () => {
      const { engine } = await open({ parallelStreams: 1 });
      const order: string[] = [];
      const asks = ["busy", "busy", "busy", "busy", "quiet"].map(async (conversationId) => {
        await ask(engine, { conversationId, replyTokensMax: 4 });
        order.push(conversationId);
      });
      await Promise.all(asks);

      expect(order.indexOf("quiet")).toBeLessThanOrEqual(1);
    });

    test("generate() never mixes 20 parallel streams of different arms", async () => {
      const { engine, adapters } = await open({ parallelStreams: 20 });
      const arms = [undefined, ...adapters.slice(0, 3)];
      const alone: string[] = [];
      for (const arm of arms) alone.push((await ask(engine, { ...withAdapter(arm), replyTokensMax: 12 })).text);
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          ask(engine, { conversationId: `c${n}`, ...withAdapter(arms[n % arms.length]), replyTokensMax: 12 }),
        ),
      );

      expect(new Set(alone).size).toBe(arms.length);
      expect(replies.map(({ text }) => text)).toEqual(replies.map((_, n) => alone[n % arms.length]));
    });

    test("generate() answers as before after an adapter answered in the same conversation", async () => {
      const { engine, adapters } = shared;
      const before = await ask(engine);
      const adapted = await ask(engine, withAdapter(adapters[0]));
      const after = await ask(engine);

      expect(adapted.text).not.toBe(before.text);
      expect(after.text).toBe(before.text);
    });

    test("generate() drops idle adapters beyond the limit and loads them again when asked", async () => {
      const { engine, adapters } = await open({ adaptersLoadedMax: 1 });
      const first = await ask(engine, withAdapter(adapters[0]));
      await ask(engine, withAdapter(adapters[1]));

      expect((await engine.health()).adaptersLoaded).toEqual([adapters[1]?.digest]);
      expect((await ask(engine, withAdapter(adapters[0]))).text).toBe(first.text);
    });

    test("generate() keeps running adapters beyond the limit", async () => {
      const { engine, adapters } = await open({ adaptersLoadedMax: 1, parallelStreams: 3 });
      const replies = await Promise.all(
        adapters.slice(0, 3).map((adapter, n) => ask(engine, { conversationId: `c${n}`, adapter, replyTokensMax: 12 })),
      );

      expect(replies.map(({ end }) => end.endedBy)).not.toContain("cancelled");
      await expect.poll(async () => (await engine.health()).adaptersLoaded.length).toBe(1);
    });

    test("prepare() loads an adapter before the first question", async () => {
      const { engine, adapters } = shared;
      await engine.prepare(withAdapter(adapters[0]));

      expect((await engine.health()).adaptersLoaded).toEqual([adapters[0]?.digest]);
    });

    test("prepare() rejects bad adapters with AdapterRefusedError and the base still answers", async () => {
      const { engine, badAdapters } = shared;
      const before = await ask(engine);
      for (const [why, adapter] of badAdapters) {
        await expect(engine.prepare({ adapter }), why).rejects.toThrow(AdapterRefusedError);
        await expect(ask(engine, { adapter }), why).rejects.toThrow(AdapterRefusedError);
      }

      expect((await engine.health()).adaptersLoaded).toEqual([]);
      expect((await ask(engine)).text).toBe(before.text);
    });

    test("release() waits for the last stream of the adapter", async () => {
      const { engine, adapters } = shared;
      const events: string[] = [];
      const running = ask(engine, { ...withAdapter(adapters[0]), replyTokensMax: 12 }).then(({ end }) =>
        events.push(end.endedBy),
      );
      await expect.poll(async () => (await engine.health()).adaptersLoaded.length).toBe(1);
      await engine.release(adapters[0]?.digest ?? "").then(() => events.push("released"));
      await running;

      expect(events).toEqual(["length", "released"]);
      expect((await engine.health()).adaptersLoaded).toEqual([]);
    });

    test("release() resolves when the adapter is not loaded", async () => {
      const { engine } = shared;

      await expect(engine.release("0".repeat(64))).resolves.toBeUndefined();
    });

    test("health() counts who streams and who waits", async () => {
      const { engine, adapters } = await open({ parallelStreams: 1 });
      const stopper = new AbortController();
      const asks = [1, 2, 3].map((n) =>
        collect(engine.generate(endless(adapters, { conversationId: `c${n}`, signal: stopper.signal }))),
      );

      await expect.poll(() => engine.health()).toMatchObject({ isReady: true, streaming: 1, waiting: 2 });
      stopper.abort();
      await Promise.all(asks);
      await expectIdle(engine);
    });
  });
}

export async function collect(chunks: ReturnType<InferenceEngine["generate"]>): Promise<Reply> {
  const texts: string[] = [];
  let end: GenerateEnd | undefined;
  for await (const chunk of chunks) {
    if (end !== undefined) throw new Error("A chunk came after the end");
    if (chunk.kind === "text") texts.push(chunk.text);
    else end = chunk;
  }
  if (end === undefined) throw new Error("The stream had no end");
  return { text: texts.join(""), chunks: texts, end };
}

export function request(changes: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    conversationId: "conversation",
    messages: [{ role: "user", content: "How do I install it?" }],
    sampling: GREEDY,
    replyTokensMax: 40,
    signal: new AbortController().signal,
    ...changes,
  };
}

function ask(engine: InferenceEngine, changes: Partial<GenerateRequest> = {}): Promise<Reply> {
  return collect(engine.generate(request(changes)));
}

/** A random adapter seldom finds the end of a reply, so there is time to do something to the stream. */
function endless(adapters: readonly AdapterFile[], changes: Partial<GenerateRequest> = {}): GenerateRequest {
  return request({ ...withAdapter(adapters[0]), replyTokensMax: LONG_REPLY_TOKENS, ...changes });
}

function withAdapter(adapter: AdapterFile | undefined): { readonly adapter?: AdapterFile } {
  return adapter === undefined ? {} : { adapter };
}

async function expectIdle(engine: InferenceEngine): Promise<void> {
  await expect.poll(() => engine.health()).toMatchObject({ streaming: 0, waiting: 0 });
}
