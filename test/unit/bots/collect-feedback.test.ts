import { expect, test } from "vitest";
import { collectFeedback } from "#bots/collect-feedback.ts";
import type { PlatformFeedback } from "#bots/intake.ts";
import type { Score } from "#core/feedback.ts";
import { openChatWorld } from "./chat-world.ts";

const EMOJI: ReadonlyMap<string, Score> = new Map([
  ["😞", 1],
  ["😍", 5],
  ["thumbsup", 5],
]);

async function openFeedback() {
  const world = await openChatWorld();
  const parts = { chat: world.store.chat, cache: world.store.cache, events: world.events, log: world.parts.log };
  let atMs = 1000;
  const collect = (given: Partial<PlatformFeedback>) => {
    atMs += 1000;
    return collectFeedback(
      { ...parts, emoji: EMOJI, textMaxChars: 20 },
      {
        workspaceId: "local:home",
        channelId: "web",
        messageId: "turn-m1.0",
        userId: "ana",
        source: "reaction",
        atMs,
        ...given,
      },
    );
  };
  return { ...world, collect };
}

test("collectFeedback() scores the reply under which an emoji stands", async () => {
  const { ask, collect, store } = await openFeedback();
  const turn = await ask("Where is my refund?");

  expect(await collect({ emoji: "😍" })).toMatchObject({ turnId: turn.id, userId: "ana", score: 5, emoji: "😍" });
  expect(await store.chat.listFeedback(turn.id)).toMatchObject([{ score: 5 }]);
});

test("collectFeedback() takes the last emoji, and the one before it when that is taken away", async () => {
  const { ask, collect, store } = await openFeedback();
  const turn = await ask("Where is my refund?");
  await collect({ emoji: "😍" });

  expect(await collect({ emoji: ":thumbsup:" })).toMatchObject({ score: 5 });
  expect(await collect({ emoji: "😞" })).toMatchObject({ score: 1 });
  expect(await collect({ emoji: "😞", isRemoval: true })).toMatchObject({ score: 5, emoji: ":thumbsup:" });
  await collect({ emoji: ":thumbsup:", isRemoval: true });
  expect((await collect({ emoji: "😍", isRemoval: true }))?.score).toBeUndefined();
  expect(await store.chat.listFeedback(turn.id)).toHaveLength(1);
});

test("collectFeedback() keeps the new score when another emoji is taken away", async () => {
  const { ask, collect } = await openFeedback();
  await ask("Where is my refund?");
  await collect({ emoji: "😍" });
  await collect({ emoji: "😞" });

  expect(await collect({ emoji: "😍", isRemoval: true })).toMatchObject({ score: 1, emoji: "😞" });
});

test.each<[string, Partial<PlatformFeedback>]>([
  ["the emoji is no feedback", { emoji: "🦄" }],
  ["the score is out of range", { score: 6, source: "command" }],
  ["the score is no whole number", { score: 3.5, source: "command" }],
  ["nothing is said", {}],
  ["the message is no reply of ours", { emoji: "😍", messageId: "somebody-else's" }],
  ["the emoji stands under the question", { emoji: "😍", messageId: "m1" }],
  ["the channel is another", { emoji: "😍", channelId: "other" }],
  ["the workspace is another", { emoji: "😍", workspaceId: "slack:T1" }],
])("collectFeedback() makes no record when %s", async (_, given) => {
  const { ask, collect, store } = await openFeedback();
  const turn = await ask("Where is my refund?");

  expect(await collect(given)).toBeUndefined();
  expect(await store.chat.listFeedback(turn.id)).toEqual([]);
});

test("collectFeedback() makes no record when the turn was deleted", async () => {
  const { ask, collect, store } = await openFeedback();
  const turn = await ask("Where is my refund?");
  await store.chat.saveTurn({ ...turn, status: "deleted" });

  expect(await collect({ emoji: "😍" })).toBeUndefined();
});

test("collectFeedback() does not ask the store when the emoji is no feedback", async () => {
  const { store, events, parts } = await openFeedback();
  let lookUps = 0;
  const chat = {
    ...store.chat,
    findTurnByMessage: async () => {
      lookUps++;
      return undefined;
    },
  };
  const shared = { chat, cache: store.cache, events, emoji: EMOJI, textMaxChars: 20, log: parts.log };
  const given = { workspaceId: "w", channelId: "c", messageId: "m", userId: "u", source: "reaction", atMs: 1 } as const;

  await collectFeedback(shared, { ...given, emoji: "🦄" });
  expect(lookUps).toBe(0);
  await collectFeedback(shared, { ...given, emoji: "😍" });
  expect(lookUps).toBe(4);
});

test("collectFeedback() waits for the record of a reply that a quick reaction overtook", async () => {
  const { ask, collect, store } = await openFeedback();
  const turn = await ask("Where is my refund?");
  const [question] = turn.messages;
  await store.chat.saveTurn({ ...turn, messages: question === undefined ? [] : [question] });

  const collecting = collect({ emoji: "😍" });
  await new Promise((resolve) => setTimeout(resolve, 120));
  await store.chat.saveTurn(turn);

  expect(await collecting).toMatchObject({ score: 5 });
});

test("collectFeedback() takes a correction cleaned and within its limit, and an empty one back", async () => {
  const { ask, collect } = await openFeedback();
  await ask("Where is my refund?");

  const taught = await collect({ correction: "  Five\u202E days, and not one more ", source: "command" });
  expect(taught?.correction).toBe("Five days, and not o");
  expect((await collect({ correction: " ", source: "command" }))?.correction).toBeUndefined();
});

test("collectFeedback() knows a stopped reply by its question when a button was pressed", async () => {
  const { ask, collect } = await openFeedback();
  await ask("Where is my refund?");

  expect(await collect({ score: 2, source: "button", messageId: "m1" })).toMatchObject({ score: 2 });
});

test.each<[string, Partial<PlatformFeedback>]>([
  ["disliked", { emoji: "😞" }],
  ["corrected", { correction: "Five days", source: "command" }],
])("collectFeedback() evicts the reply when it was %s, also where it was only served again", async (_, given) => {
  const { ask, collect, store } = await openFeedback();
  await ask("Where is my refund?");
  const served = await ask("Where is my refund?", { channelId: "other" });
  expect(served.provenance.cache.hit).toBe("exact");

  await collect({ ...given, channelId: "other", messageId: "turn-m2.0", userId: "ben" });

  expect((await store.cache.stats()).entries).toBe(0);
});

test("collectFeedback() leaves a liked reply in the cache", async () => {
  const { ask, collect, store } = await openFeedback();
  await ask("Where is my refund?");

  await collect({ emoji: "😍" });

  expect((await store.cache.stats()).entries).toBe(1);
});
