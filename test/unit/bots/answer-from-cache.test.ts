import { describe, expect, test } from "vitest";
import { answerFromCache, type CacheAsk, type CacheSettings, rememberReply } from "#bots/answer-from-cache.ts";
import { collectFeedback } from "#bots/collect-feedback.ts";
import { refuseSharing } from "#core/may-share-answer.ts";
import { memoryEventBus } from "#events/memory/event-bus.ts";
import type { Embedder } from "#inference/embedder.ts";
import { SCOPE, sampleTurn } from "../../contract/sample-records.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";

const SETTINGS: CacheSettings = {
  isEnabled: true,
  isNearEnabled: true,
  ttlMs: 1000,
  nearSimilarityMin: 0.9,
  entriesPerScopeMax: 10,
  textMaxChars: 200,
};
const STORED = "How do I return a kettle within 14 days?";
/** Another reading, so that only the vector proposes it: one word more. */
const LONGER = "How do I return a broken kettle within 14 days?";

/** All questions lie at one point: the worst a real model could do. It remembers what it was asked for. */
function crowdedEmbedder(): Embedder & { readonly embedded: string[] } {
  const embedded: string[] = [];
  return {
    embedded,
    describe: () => ({ id: "crowded", digest: "0".repeat(64), dimensions: 2, languages: ["en"] }),
    embed: async (texts) => {
      embedded.push(...texts);
      return texts.map(() => Float32Array.of(1, 0));
    },
  };
}

async function openWorld(changes: Partial<CacheSettings> = {}, stored = STORED) {
  const store = openTempStore();
  const { cache } = store;
  const embedder = crowdedEmbedder();
  const settings = { ...SETTINGS, ...changes };
  const reply = { scope: "s", question: stored, reply: "In its box.", turnId: "t1", domain: "support", nowMs: 0 };
  await rememberReply(cache, embedder, settings, reply);
  embedder.embedded.length = 0;
  const ask = (question: string, rest: Partial<CacheAsk> = {}, by: Embedder | undefined = embedder) =>
    answerFromCache(cache, by, settings, {
      ...{ scope: "s", question, isFirstTurn: true, isRegeneration: false, hasImages: false, nowMs: 1 },
      ...rest,
    });
  return { store, cache, embedder, ask, settings };
}

describe("answerFromCache()", () => {
  test("serves the exact question without the embedder when spaces and closing marks differ", async () => {
    const { ask, cache, embedder } = await openWorld();

    const answer = await ask("How do I  return a kettle within 14 days ");

    expect(answer.use).toMatchObject({ hit: "exact", sourceTurnId: "t1" });
    expect(answer.entry?.reply).toBe("In its box.");
    expect(embedder.embedded).toEqual([]);
    expect(await cache.stats()).toMatchObject({ exactHits: 1, misses: 0 });
  });

  test("serves a paraphrase by its signature without the embedder when the reading is the same", async () => {
    const { ask, cache, embedder } = await openWorld();

    const answer = await ask("What is the way to return a kettle within fourteen days?");

    expect(answer.use).toMatchObject({ hit: "near", sourceTurnId: "t1" });
    expect(answer.use).not.toHaveProperty("similarity");
    expect(embedder.embedded).toEqual([]);
    expect(await cache.stats()).toMatchObject({ nearHits: 1, misses: 0 });
  });

  test("serves a paraphrase by its signature when there is no embedder at all", async () => {
    const { cache, settings } = await openWorld();
    const question = "What is the way to return a kettle within 14 days?";
    const ask = { scope: "s", question, isFirstTurn: true, isRegeneration: false, hasImages: false, nowMs: 1 };

    expect((await answerFromCache(cache, undefined, settings, ask)).use.hit).toBe("near");
  });

  test("serves a question by its vector when the signature differs and the guards agree", async () => {
    const { ask, embedder } = await openWorld();

    const answer = await ask(LONGER);

    expect(answer.use).toMatchObject({ hit: "near", sourceTurnId: "t1", similarity: 1 });
    expect(embedder.embedded).toEqual([LONGER]);
  });

  test.each([
    ["negated", "How do I not return a kettle within 14 days?", "one is negated"],
    ["renumbered", "How do I return a kettle within 30 days?", "numbers, units or dates differ"],
    ["about something else", "How do I return a toaster within 14 days?", "a word that matters differs"],
    ["of another kind", "Why do I return a kettle within 14 days?", "another kind of question"],
  ])("refuses the nearest entry and says why when the question is %s", async (_, question, reason) => {
    const { ask, cache } = await openWorld();

    const answer = await ask(question);

    expect(answer.entry).toBeUndefined();
    expect(answer.use).toEqual({ hit: "none", reason });
    expect(answer.vector).toEqual(Float32Array.of(1, 0));
    expect(await cache.stats()).toMatchObject({ nearHits: 0, misses: 1 });
  });

  test("serves the next neighbour when the guards refuse the nearest", async () => {
    const { ask, cache, settings, embedder } = await openWorld();
    const another = { question: "How do I return a toaster within 14 days?", reply: "Never.", turnId: "t2" };
    await rememberReply(cache, embedder, settings, { scope: "s", domain: "support", nowMs: 0, ...another });

    expect((await ask(LONGER)).use.sourceTurnId).toBe("t1");
    expect((await ask("How do I return a broken toaster within 14 days?")).use.sourceTurnId).toBe("t2");
  });

  test.each([
    ["exact", STORED],
    ["signature", "What is the way to return a kettle within 14 days?"],
    ["vector", LONGER],
  ])("serves nothing by %s when the entry has expired or belongs to another scope", async (_, question) => {
    const { ask } = await openWorld();

    expect((await ask(question, { nowMs: 999 })).entry).toBeDefined();
    expect((await ask(question, { nowMs: 1000 })).entry).toBeUndefined();
    expect((await ask(question, { scope: "other" })).entry).toBeUndefined();
  });

  test.each([
    ["exact", STORED],
    ["signature", "What is the way to return a kettle within 14 days?"],
    ["vector", LONGER],
  ])("serves nothing by %s when a person disliked the reply", async (_, question) => {
    const { ask, store } = await openWorld();
    await store.chat.saveTurn(sampleTurn({ messages: [{ messageId: "reply", role: "reply", part: 0 }] }));
    const silent = () => {};
    await collectFeedback(
      {
        chat: store.chat,
        cache: store.cache,
        events: memoryEventBus(),
        emoji: new Map(),
        textMaxChars: 100,
        log: { debug: silent, info: silent, warn: silent, error: silent },
      },
      {
        ...{ workspaceId: SCOPE.workspaceId, channelId: "web", messageId: "reply", userId: "ana" },
        ...{ source: "button", score: 1, atMs: 5 },
      },
    );

    expect((await ask(question)).entry).toBeUndefined();
  });

  test.each([
    ["the cache is off", { isEnabled: false }, {}],
    ["a follow-up question", {}, { isFirstTurn: false }],
    ["asked again", {}, { isRegeneration: true }],
    ["a question about an image", {}, { hasImages: true }],
    ["a long question", { textMaxChars: 10 }, {}],
  ])("looks nothing up when it is %s", async (reason, changes, rest) => {
    const { ask, cache, embedder } = await openWorld(changes);

    expect(await ask(STORED, rest)).toEqual({ use: { hit: "none", reason }, isCacheable: false });
    expect(embedder.embedded).toEqual([]);
    expect(await cache.stats()).toMatchObject({ skipped: 1, exactHits: 0 });
  });

  test("serves the exact question only when the near layers are off", async () => {
    const { ask, embedder } = await openWorld({ isNearEnabled: false });

    expect((await ask("What is the way to return a kettle within 14 days?")).use).toEqual({
      hit: "none",
      reason: "a new question",
    });
    expect((await ask(STORED)).use.hit).toBe("exact");
    expect(embedder.embedded).toEqual([]);
  });
});

describe("refuseSharing()", () => {
  test.each([
    ["Who are you?", "Who is he?", "too few words"],
    ["👍", "👎", "too few words"],
    ["What is 3 + 4?", "What is 4 - 3?", "too few words"],
    ["What is the sum 3 + 4?", "What is the sum 3 - 4?", "signs differ"],
    ["Is x < 3 true?", "Is x > 3 true?", "signs differ"],
    ["Does the plan cost $10?", "Does the plan cost £10?", "signs differ"],
    ["Convert 5 miles to km", "Convert 5 km to miles", "the parts are swapped"],
    ["Is a dog bigger than a cat?", "Is a cat bigger than a dog?", "the parts are swapped"],
    ["How do I merge develop into main?", "How do I merge main into develop?", "the parts are swapped"],
    ["Did Anna pay Peter?", "Did Peter pay Anna?", "the parts are swapped"],
    ["O gato é maior que o cão?", "O cão é maior que o gato?", "the parts are swapped"],
    ["Who teaches Anna?", "Who does Anna teach?", "the parts are swapped"],
    ["who teaches anna", "who did anna teach", "the parts are swapped"],
    ["Who can help Anna?", "Who can Anna help?", "the parts are swapped"],
    ["What affects the price?", "What does the price affect?", "the parts are swapped"],
    ["Quem ensina a Anna?", "Quem a Anna ensina?", "the parts are swapped"],
    ["What is my name?", "What is your name?", "another person"],
    ["How old am I?", "How old are you?", "another person"],
    ["Qual é o meu nome?", "Qual é o seu nome?", "another person"],
  ])("refuses when order, signs or person carry the meaning: %s", (asked, stored, reason) => {
    expect(refuseSharing(asked, stored)).toBe(reason);
    expect(refuseSharing(stored, asked)).toBe(reason);
  });

  test.each([
    ["What is the container's memory limit?", "What is the memory limit of the container?"],
    ["How do I install Node.js 20 on Ubuntu 22.04?", "Installing Node.js 20 on Ubuntu 22.04 - how is it done?"],
    ["Who teaches Anna?", "Who is teaching Anna?"],
    ["Who approves refunds?", "Please tell me, who approves the refunds?"],
    ["Is phone support included in the free plan?", "Does the free plan include phone support?"],
  ])("allows when order is grammar only: %s", (asked, stored) => {
    expect(refuseSharing(asked, stored)).toBeUndefined();
  });
});
