import { writeFile } from "node:fs/promises";
import { expect, test, vi } from "vitest";
import { answerMessage } from "#bots/answer-message.ts";
import { InferenceUnavailableError, QueueFullError } from "#core/errors.ts";
import type { GenerateChunk } from "#inference/inference-engine.ts";
import { createSystemPrompt } from "#inference/reply-language.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { openChatWorld } from "./chat-world.ts";

test("answerMessage() stores the reply with where it came from and shows its final text last", async () => {
  const world = await openChatWorld();

  const turn = await world.ask("Where is my refund?");

  expect(turn).toMatchObject({
    status: "complete",
    reply: "You said: Where is my refund?",
    position: 0,
    domain: { domain: "support", by: "keywords" },
    provenance: { modelName: "Scripted-1M", endedBy: "stop", cache: { hit: "none" } },
    messages: [
      { messageId: "m1", role: "question", part: 0 },
      { messageId: "turn-m1.0", role: "reply", part: 0 },
    ],
  });
  expect(await world.store.chat.findTurn(turn.id)).toEqual(turn);
  expect(world.shown.at(-1)).toMatchObject({ text: turn.reply, isFinal: true });
  expect(await world.store.chat.listDeliveries(turn.id)).toMatchObject([{ state: "posted" }]);
  expect(await world.store.models.queryUse()).toMatchObject([{ requests: 1, errors: 0 }]);
});

/** The same question in a second channel of its workspace, which the cache answers. */
async function askCached() {
  const world = await openChatWorld();
  const { chat } = world.store;
  await world.ask("Where is my refund?");
  const message = world.incoming("Where is my refund?", { channelId: "other" });
  await chat.acceptEvent("e1", message, 1, { claimedBy: "one", leaseMs: 1 });
  const left = ["e1"];
  const ending = { take: () => left.splice(0) };
  return {
    ...world,
    answer: () => answerMessage(world.parts, world.connector, "t2", message, new AbortController().signal, ending),
    isEnded: async () => (await chat.claimEvent({ claimedBy: "two", nowMs: 2, leaseMs: 1 })) === undefined,
  };
}

test("answerMessage() has a reply from the cache in the store, whole, before it is posted", async () => {
  const { answer, connector, store } = await askCached();
  const before: unknown[] = [];
  const post = connector.post;
  connector.post = async (part) => {
    before.push(await store.chat.findTurn("t2"), await store.chat.listDeliveries("t2"));
    return post(part);
  };
  await answer();

  expect(before).toMatchObject([
    { status: "complete", reply: "You said: Where is my refund?", provenance: { cache: { hit: "exact" } } },
    [],
  ]);
});

test("answerMessage() ends the event of a reply from the cache as its place is stored", async () => {
  const { answer, store, isEnded } = await askCached();
  await answer();

  expect(await isEnded()).toBe(true);
  expect((await store.chat.findTurn("t2"))?.messages.map(({ role }) => role)).toEqual(["question", "reply"]);
  expect(await store.chat.listDeliveries("t2")).toMatchObject([{ state: "posted" }]);
});

test("answerMessage() leaves the event of a reply from the cache open when it could not be posted", async () => {
  const { answer, connector, isEnded } = await askCached();
  connector.post = async () => {
    throw new Error("The platform is away");
  };

  await expectGivenUp(answer, "The platform is away");
  expect(await isEnded()).toBe(false);
});

test("answerMessage() has the turn in the store before anything is posted", async () => {
  const world = await openChatWorld();
  const before: unknown[] = [];
  const { connector } = world;
  connector.post = async () => {
    before.push((await world.store.chat.findTurn("turn-m1"))?.status, await world.store.chat.listDeliveries("turn-m1"));
    throw new Error("The platform is away");
  };

  await expectGivenUp(() => world.ask("Where is my refund?"), "The platform is away");
  expect(before[0]).toBeDefined();
  expect(before[1]).toMatchObject([{ state: "planned" }]);
});

test.each([
  ["", "empty"],
  ["  \u0007 ", "binary"],
  ["x".repeat(4001), "4000"],
])("answerMessage() says why and stores no turn when the text is %j", async (text, why) => {
  const world = await openChatWorld();

  expect((await world.notice(text)).toLowerCase()).toContain(why);
  expect(world.shown).toHaveLength(1);
  expect(world.shown[0]?.isFinal).toBe(true);
  expect(await world.store.chat.findTurn("turn-m1")).toBeUndefined();
  expect(world.requests).toHaveLength(0);
});

test("answerMessage() refuses with the time to wait when somebody asks too often", async () => {
  const world = await openChatWorld({ place: { messagesPerMinuteMax: 2 } });
  await world.ask("One?");
  await world.ask("Two?");

  expect(await world.notice("Three?")).toMatch(/again in 58 seconds/);
  await world.ask("Somebody else?", { userId: "ben" });
});

test("answerMessage() strips what no reader can see from the question", async () => {
  const world = await openChatWorld();

  expect((await world.ask("Where is\u202E my refund?")).question).toBe("Where is my refund?");
});

test("answerMessage() routes by keywords, keeps the subject in a follow-up, and falls back to general", async () => {
  const world = await openChatWorld();

  expect((await world.ask("My python fails?")).domain).toMatchObject({ domain: "technical", by: "keywords" });
  expect((await world.ask("And then what?")).domain).toMatchObject({ domain: "technical", by: "conversation" });
  const other = await world.ask("And then what?", { channelId: "elsewhere" });
  expect(other.domain).toMatchObject({ domain: "general", by: "default" });
});

test("answerMessage() gives the model the conversation so far, oldest first, and opens a new one after a gap", async () => {
  const world = await openChatWorld();
  await world.ask("One order?");
  const second = await world.ask("Two?");
  world.clock.nowMs += 3_600_001;
  const late = await world.ask("Three?");

  expect(world.requests.map(({ messages }) => messages.map(({ content }) => content))).toEqual([
    ["Be kind.", "One order?"],
    ["Be kind.", "One order?", "You said: One order?", "Two?"],
    ["Be kind.", "Three?"],
  ]);
  expect(second.inputTurnIds).toEqual(["turn-m1"]);
  expect(late.conversationId).not.toBe(second.conversationId);
});

test("answerMessage() tells the model the question's language when it is surely not English", async () => {
  const world = await openChatWorld({ settings: { systemPromptFor: createSystemPrompt("Be kind.", "auto") } });
  const asked = await world.ask("Como posso devolver uma encomenda?");
  const english = await world.ask("How do I return an order?", { channelId: "other" });

  const systems = world.requests.map(({ messages }) => messages[0]?.content);
  expect(systems).toEqual(["Be kind.\nAnswer in Portuguese.", "Be kind."]);
  expect(asked.provenance.systemPromptHash).not.toBe(english.provenance.systemPromptHash);
});

test("answerMessage() keeps a conversation's arm across an activation, and a new conversation gets the adapter", async () => {
  const world = await openChatWorld({ answer: (_, adapter) => ({ text: adapter ?? "base" }) });
  const digest = await world.makeAdapter("one");
  await world.ask("My order?");
  await world.activate(digest);

  const kept = await world.ask("My other order?");
  const fresh = await world.ask("My order?", { channelId: "new" });

  expect(kept.reply).toBe("base");
  expect(kept.arm.adapterDigest).toBeUndefined();
  expect(fresh).toMatchObject({ reply: digest, arm: { adapterDigest: digest }, provenance: { adapterDigest: digest } });
});

test("answerMessage() moves an open conversation at its next turn when the adapter was rolled back", async () => {
  const world = await openChatWorld({ answer: (_, adapter) => ({ text: adapter ?? "base" }) });
  const digest = await world.makeAdapter("one");
  await world.activate(digest);
  expect((await world.ask("My order?")).reply).toBe(digest);

  await world.rollBack();

  expect((await world.ask("My other order?")).reply).toBe("base");
});

test("answerMessage() lets the base answer where the place says so, and the adapter again when it no longer does", async () => {
  const place: { model: "learned" | "base" } = { model: "base" };
  const world = await openChatWorld({ answer: (_, adapter) => ({ text: adapter ?? "base" }) });
  Object.assign(world.parts, { places: fixedSettings(() => place) });
  const digest = await world.makeAdapter("first");
  await world.activate(digest);

  const first = await world.ask("Where is my refund?");
  place.model = "learned";
  const second = await world.ask("And my order?");
  place.model = "base";
  const third = await world.ask("And the other order?");

  expect([first.reply, second.reply, third.reply]).toEqual(["base", digest, "base"]);
  expect(new Set([first.conversationId, second.conversationId, third.conversationId]).size).toBe(1);
});

test("answerMessage() lets the base answer and says so when the adapter's file is gone", async () => {
  const world = await openChatWorld({ answer: (_, adapter) => ({ text: adapter ?? "base" }) });
  const digest = await world.makeAdapter("one");
  await world.activate(digest);
  await world.files.remove(digest);

  const turn = await world.ask("My order?");

  expect(turn).toMatchObject({ reply: "base", status: "complete" });
  expect(turn.arm.adapterDigest).toBeUndefined();
  expect(turn.provenance.adapterDigest).toBeUndefined();
  expect(world.lines).toContainEqual(expect.objectContaining({ level: "error", event: "adapter.missing" }));
});

test("answerMessage() lets the base answer when the adapter's file was tampered with", async () => {
  const world = await openChatWorld({ answer: (_, adapter) => ({ text: adapter ?? "base" }) });
  const digest = await world.makeAdapter("one");
  await world.activate(digest);
  const stored = await world.files.open(digest);
  await writeFile(stored?.path ?? "", "GGUF of somebody else");

  expect((await world.ask("My order?")).reply).toBe("base");
  expect(world.lines).toContainEqual(expect.objectContaining({ level: "error", event: "adapter.refused" }));
});

test("answerMessage() lets the base answer an open conversation when its adapter belongs to another base", async () => {
  const world = await openChatWorld({ answer: (_, adapter) => ({ text: adapter ?? "base" }) });
  const dormant = await world.makeAdapter("old", { baseDigest: "0".repeat(64) });
  const { conversationId } = await world.ask("My order?");
  const conversation = await world.store.chat.findConversation(conversationId);
  if (conversation === undefined) throw new Error("There is no conversation");
  const arms = [{ domain: "support", adapterDigest: dormant, epoch: 0 }];
  await world.store.chat.saveConversation({ ...conversation, arms });

  expect(await world.ask("My other order?")).toMatchObject({ reply: "base", status: "complete" });
});

test("answerMessage() says once that the start of a long conversation is cut, and names only what the model saw", async () => {
  const world = await openChatWorld({ contextTokens: 300, settings: { replyTokensMax: 100 } });
  const question = "What about my order number one, please?";
  await world.ask(question);
  await world.ask(question);
  const cut = await world.ask(question);
  const after = world.shown.at(-1)?.text;
  const again = await world.ask(question);

  expect(cut.provenance.turnsCut).toBe(1);
  expect(after).toMatch(/^\*\(This conversation is long: I no longer see our oldest message\.\)\*\n\n/);
  expect(cut.reply).toBe(`You said: ${question}`);
  expect(cut.inputTurnIds).toEqual(["turn-m2"]);
  expect(again.provenance.turnsCut).toBe(2);
  expect(world.shown.at(-1)?.text).toBe(`You said: ${question}`);
});

test("answerMessage() keeps what was written when the person stops the reply", async () => {
  const world = await openChatWorld({
    answer: () => ({ text: "one two three four five six", pauseMs: 20, chunkChars: 4 }),
  });
  const stop = new AbortController();
  const message = world.incoming("Count?");
  const running = world.answer(message, stop.signal);
  while (!world.shown.some(({ text }) => text.includes("two"))) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();

  const answered = await running;

  const turn = "turn" in answered ? answered.turn : undefined;
  expect(turn).toMatchObject({ status: "cancelled", provenance: { endedBy: "cancelled" } });
  expect(turn?.reply).toMatch(/^one two/);
  expect("one two three four five six".startsWith(turn?.reply ?? "?")).toBe(true);
  expect(turn?.reply).not.toContain("six");
  expect(world.shown.at(-1)).toMatchObject({ text: turn?.reply, isFinal: true });
  expect((await world.store.cache.stats()).entries).toBe(0);
});

test("answerMessage() shows that it stopped when the person stopped it before a word came", async () => {
  const world = await openChatWorld();

  const answered = await world.answer(world.incoming("Count?"), AbortSignal.abort());

  expect(answered).toMatchObject({ turn: { status: "cancelled", reply: "" } });
  expect(world.shown).toEqual([{ act: "post", text: "*(stopped)*", isFinal: true }]);
});

test.each([
  [new InferenceUnavailableError("llama"), "did not answer"],
  [new QueueFullError(7), "7 others are waiting"],
])(
  "answerMessage() shows a notice and stores no reply to learn from when the engine fails with %s",
  async (error, words) => {
    const world = await openChatWorld({
      async *generate(): AsyncGenerator<GenerateChunk> {
        yield { kind: "text", text: "Half an answer" };
        throw error;
      },
    });

    const turn = await world.ask("Where is my refund?");

    expect(turn).toMatchObject({ status: "failed", reply: "Half an answer", provenance: { endedBy: "error" } });
    expect(world.shown.at(-1)?.text).toContain(words);
    expect((await world.store.cache.stats()).entries).toBe(0);
    expect(await world.store.models.queryUse()).toMatchObject([{ requests: 1, errors: 1 }]);
  },
);

test("answerMessage() rejects when the engine has a bug, so that the inbox decides", async () => {
  const world = await openChatWorld({
    // biome-ignore lint/correctness/useYield: it fails before its first chunk
    async *generate(): AsyncGenerator<GenerateChunk> {
      throw new TypeError("undefined is not a function");
    },
  });

  await expect(world.ask("Where is my refund?")).rejects.toThrow(TypeError);
});

test("answerMessage() fails the turn with the limit's setting when the model takes too long", async () => {
  const world = await openChatWorld({
    answer: () => ({ text: "for ever and ever", pauseMs: 200 }),
    settings: { replyTimeoutMs: 50 },
  });

  const turn = await world.ask("Count?");

  expect(turn).toMatchObject({ status: "failed", provenance: { endedBy: "error" } });
  expect(world.shown.at(-1)?.text).toContain("inference.replyTimeoutMs");
});

test("answerMessage() asks for other words when the model says nothing", async () => {
  const world = await openChatWorld({ answer: () => ({ text: "" }) });

  expect(await world.ask("Where is my refund?")).toMatchObject({ status: "failed", reply: "" });
  expect(world.shown.at(-1)?.text).toBe("The model had no answer to that. Please put it in other words.");
});

test("answerMessage() serves the same first question from the cache, and says which turn it came from", async () => {
  let said = 0;
  const world = await openChatWorld({ answer: () => ({ text: `answer ${++said}` }) });
  const first = await world.ask("Where is my refund?");

  const second = await world.ask("Where is my refund?", { channelId: "other", userId: "ben" });

  expect(second).toMatchObject({
    reply: "answer 1",
    status: "complete",
    provenance: { endedBy: "cache", cache: { hit: "exact", sourceTurnId: first.id } },
  });
  expect(world.requests).toHaveLength(1);
  expect(await world.store.models.queryUse()).toMatchObject([{ requests: 1 }]);
});

test("answerMessage() does not serve a private reply to another audience", async () => {
  const world = await openChatWorld();
  await world.ask("Where is my refund?", { visibility: "private" });

  const open = await world.ask("Where is my refund?", { channelId: "town-square" });

  expect(open.provenance.cache.hit).toBe("none");
});

test("answerMessage() asks past the cache and keeps both answers when it regenerates", async () => {
  let said = 0;
  const world = await openChatWorld({ answer: () => ({ text: `answer ${++said}` }) });
  const first = await world.ask("Where is my refund?");

  const again = await world.ask("", { regenerationOf: first.id });
  const thrice = await world.ask("", { regenerationOf: again.id });

  expect(again).toMatchObject({ question: first.question, reply: "answer 2", regenerationOf: first.id, position: 0 });
  expect(thrice).toMatchObject({ reply: "answer 3", regenerationOf: first.id, position: 0, inputTurnIds: [] });
  expect(await world.store.chat.findTurn(first.id)).toMatchObject({ reply: "answer 1", status: "complete" });
  const conversation = await world.store.chat.findConversation(first.conversationId);
  expect(conversation?.turns).toBe(1);
});

test("answerMessage() goes on from the newest answer after a regeneration", async () => {
  let said = 0;
  const world = await openChatWorld({ answer: () => ({ text: `answer ${++said}` }) });
  const first = await world.ask("Where is my refund?");
  const again = await world.ask("", { regenerationOf: first.id });

  const next = await world.ask("And now?");

  expect(next.inputTurnIds).toEqual([again.id]);
  expect(world.requests.at(-1)?.messages.map(({ content }) => content)).toContain("answer 2");
});

test("answerMessage() does not answer a question of another channel again", async () => {
  const world = await openChatWorld();
  const secret = await world.ask("Where is my secret refund?", { visibility: "direct", channelId: "dm" });

  await world.notice("", { regenerationOf: secret.id });

  expect(world.requests).toHaveLength(1);
});

test("answerMessage() shows the stored reply again instead of making another when a kill came after it", async () => {
  let said = 0;
  const world = await openChatWorld({ answer: () => ({ text: `answer ${++said}` }) });
  const message = world.incoming("Where is my refund?");
  const first = await world.answer(message);

  const second = await world.answer(message);

  expect(second).toEqual(first);
  expect(world.requests).toHaveLength(1);
  expect(world.shown.at(-1)).toMatchObject({ text: "answer 1", isFinal: true });
});

test("answerMessage() answers an interrupted turn in its place, and looks for its post before it posts", async () => {
  const world = await openChatWorld();
  await world.ask("First order?");
  const message = world.incoming("Second?");
  world.state.fail = () => {
    throw new Error("The platform is away");
  };
  await expectGivenUp(() => world.answer(message), "The platform is away");
  const interrupted = await world.store.chat.findTurn("turn-m2");
  if (interrupted === undefined) throw new Error("There is no turn");
  await world.store.chat.saveTurn({ ...interrupted, status: "streaming", reply: "" });
  world.state.fail = () => {};
  world.state.reconciled = "posted-before";
  world.shown.length = 0;

  const answered = await world.answer(message);

  expect(answered).toMatchObject({ turn: { position: 1, conversationId: interrupted.conversationId } });
  expect(answered).toMatchObject({ turn: { messages: [{ role: "question" }, { messageId: "posted-before" }] } });
  expect(world.shown.map(({ act }) => act)).not.toContain("post");
  const conversation = await world.store.chat.findConversation(interrupted.conversationId);
  expect(conversation?.turns).toBe(2);
});

const realSetTimeout = globalThis.setTimeout;
const STEP_MS = 200;
const STEPS_MAX = 2000;

/** Showing a reply is tried for a minute, which passes at once. */
async function expectGivenUp(act: () => Promise<unknown>, why: string): Promise<void> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  let isOver = false;
  const rejected = expect(act())
    .rejects.toThrow(why)
    .finally(() => {
      isOver = true;
    });
  // The disk keeps its own time: each step of the clock leaves it a moment.
  for (let steps = 0; steps < STEPS_MAX && !isOver; steps++) {
    await vi.advanceTimersByTimeAsync(STEP_MS);
    await new Promise((resolve) => realSetTimeout(resolve, 2));
  }
  await rejected;
  vi.useRealTimers();
}
