import { describe, expect, test } from "vitest";
import type { IncomingMessage } from "#core/inbox.ts";
import { SUPPORT } from "./chat-world.ts";
import { openLearningWorld } from "./learning-world.ts";

const ASKED = "How long does a refund for a kettle take?";
const ALIKE = "How long does a refund for a kettle usually take?";
const TAUGHT = "Five days, to the card that was used.";
const elsewhere = (channelId: string): Partial<IncomingMessage> => ({ channelId });

/** Somebody asked, and the answer was mended. */
async function openTaught(given: Partial<IncomingMessage> = {}) {
  const world = await openLearningWorld({ answer: () => ({ text: "I do not know." }) });
  const taught = await world.ask(ASKED, given);
  await world.think(taught.id, { correction: TAUGHT, endorsedBy: "admin" });
  return { ...world, taught };
}

function shownIn(world: Awaited<ReturnType<typeof openTaught>>): readonly string[] {
  return (world.requests.at(-1)?.messages ?? []).map(({ content }) => content);
}

describe("an answer that somebody taught", () => {
  test("is shown before the question as if it had been said, and the turn says so", async () => {
    const world = await openTaught();

    const turn = await world.ask(ALIKE, elsewhere("other"));

    expect(shownIn(world)).toEqual(["Be kind.", ASKED, TAUGHT, ALIKE]);
    expect(turn.provenance.exampleTurnIds).toEqual([world.taught.id]);
    expect(turn.inputTurnIds).toEqual([world.taught.id]);
    expect((await world.store.chat.findTurn(turn.id))?.provenance.exampleTurnIds).toEqual([world.taught.id]);
  });

  test("is not shown to a question that is not like its own, or in another domain", async () => {
    const world = await openTaught();

    await world.ask("May I order by letter?", elsewhere("b"));
    expect(shownIn(world)).toEqual(["Be kind.", "May I order by letter?"]);
    await world.ask(`${ASKED} python`, elsewhere("c"));
    expect(shownIn(world)).toHaveLength(2);
  });

  test("is not shown where it stands in the history already", async () => {
    const world = await openTaught();

    await world.ask(ALIKE);

    expect(shownIn(world)).toEqual(["Be kind.", ASKED, "I do not know.", ALIKE]);
  });

  test("is a liked reply as well, until it is liked no more", async () => {
    const world = await openLearningWorld({ answer: () => ({ text: "Five days." }) });
    const liked = await world.ask(ASKED);
    const find = () => world.finder.find({ scope: SUPPORT, question: ALIKE, exceptTurnIds: new Set() });
    expect(await find()).toEqual([]);

    await world.think(liked.id, { score: 5 });
    expect(await find()).toMatchObject([{ turnId: liked.id, question: ASKED, answer: "Five days." }]);
    await world.think(liked.id, { score: 2 });
    expect(await find()).toEqual([]);
  });
});

describe("what the store says at that moment decides", () => {
  test("find() drops what was disliked without a hint, as by another process", async () => {
    const world = await openTaught();
    const find = () => world.finder.find({ scope: SUPPORT, question: ALIKE, exceptTurnIds: new Set() });
    expect(await find()).toHaveLength(1);
    const change = { turnId: world.taught.id, workspaceId: "local:home", userId: "bea", source: "command" } as const;
    await world.store.chat.putFeedback({ ...change, correction: null, atMs: world.clock.nowMs });

    expect(await find()).toEqual([]);
  });

  test.each(["ana", "bea"])("find() drops what %s asked or taught as soon as they opted out", async (userId) => {
    const world = await openTaught();
    const find = () => world.finder.find({ scope: SUPPORT, question: ALIKE, exceptTurnIds: new Set() });
    expect(await find()).toHaveLength(1);
    await world.store.people.putChoice({ workspaceId: "local:home", userId, learns: false, changedAtMs: 1 });

    expect(await find()).toEqual([]);
  });

  test("find() drops words that were erased", async () => {
    const world = await openTaught();
    const find = () => world.finder.find({ scope: SUPPORT, question: ALIKE, exceptTurnIds: new Set() });
    expect(await find()).toHaveLength(1);
    await world.store.privacy.erasePerson("local:home", "ana", world.clock.nowMs + 1);

    expect(await find()).toEqual([]);
  });

  test("find() gives nothing at the level off, and again at examples", async () => {
    const world = await openTaught();
    const find = () => world.finder.find({ scope: SUPPORT, question: ALIKE, exceptTurnIds: new Set() });

    await world.allow("local:home", "off");
    expect(await find()).toEqual([]);
    await world.allow("local:home", "examples");
    expect(await find()).toHaveLength(1);
  });
});

describe("on a platform with many people", () => {
  const DISCORD = { platform: "discord", workspaceId: "discord:1", channelId: "C1" } as const;

  test("find() waits for somebody to agree with a taught answer", async () => {
    const world = await openLearningWorld();
    await world.allow("discord:1", "examples");
    const turn = await world.ask(ASKED, DISCORD);
    const scope = { ...SUPPORT, workspaceId: "discord:1" };
    const find = () => world.finder.find({ scope, question: ALIKE, exceptTurnIds: new Set() });
    await world.think(turn.id, { correction: TAUGHT });
    expect(await find()).toEqual([]);

    await world.think(turn.id, { endorsedBy: "admin" });
    expect(await find()).toMatchObject([{ answer: TAUGHT }]);
  });

  test.each<[string, Partial<IncomingMessage>]>([
    ["another workspace", { workspaceId: "discord:2" }],
    ["a private channel", { visibility: "private", channelId: "C9" }],
    ["a direct message", { visibility: "direct", channelId: "D9" }],
  ])("what is said in public never reaches %s as an example", async (_, place) => {
    const world = await openTaught(DISCORD);
    await world.allow("discord:1", "adapters");
    await world.allow("discord:2", "adapters");

    const turn = await world.ask(ALIKE, { ...DISCORD, ...place });
    expect(turn.provenance).not.toHaveProperty("exampleTurnIds");
    const here = await world.ask(ALIKE, { ...DISCORD, channelId: "C2" });
    expect(here.provenance.exampleTurnIds).toEqual([world.taught.id]);
  });
});

test("an adapter gets no example of what it was trained on; the base model does", async () => {
  const world = await openTaught();
  const hash = "d".repeat(64);
  const counts = { train: 1, valid: 0, negatives: 0, pairs: 0, liked: 0, corrected: 1, servedAgain: 0, dropped: [] };
  await world.store.learning.saveDataset({
    ...counts,
    hash,
    scope: SUPPORT,
    createdAtMs: 1,
    days: 30,
    sourceTurnIds: [world.taught.id],
  });
  await world.activate(await world.makeAdapter("one"));
  const adapted = await world.ask(ALIKE, elsewhere("b"));
  await world.rollBack();
  const bare = await world.ask(ALIKE, elsewhere("c"));

  expect(adapted.arm.adapterDigest).toBeDefined();
  expect(adapted.provenance).not.toHaveProperty("exampleTurnIds");
  expect(bare.provenance.exampleTurnIds).toEqual([world.taught.id]);
});

test("a reply made after examples is not served from the cache once they are gone", async () => {
  const world = await openTaught();
  const first = await world.ask(ALIKE, elsewhere("b"));
  const second = await world.ask(ALIKE, elsewhere("c"));
  await world.think(world.taught.id, { correction: null });
  const third = await world.ask(ALIKE, elsewhere("d"));

  expect(first.provenance.exampleTurnIds).toHaveLength(1);
  expect(second.provenance.cache).toMatchObject({ hit: "exact", sourceTurnId: first.id });
  expect(second.inputTurnIds).toEqual([world.taught.id]);
  expect(third.provenance.cache.hit).toBe("none");
  expect(third.provenance).not.toHaveProperty("exampleTurnIds");
});

test("examples take a quarter of the context at most, and leave the history its place", async () => {
  const world = await openLearningWorld({ contextTokens: 1000, answer: () => ({ text: "ok" }) });
  for (const [word, length] of [
    ["short", 20],
    ["huge", 300],
  ] as const) {
    const turn = await world.ask(`${ASKED} ${word}`, elsewhere(word));
    await world.think(turn.id, { correction: "x".repeat(length) });
  }

  const turn = await world.ask(ALIKE, elsewhere("other"));

  expect(turn.provenance.exampleTurnIds).toHaveLength(1);
  expect(world.requests.at(-1)?.messages[2]?.content).toBe("x".repeat(20));
});

test("a question that leaned on earlier ones is no example", async () => {
  const world = await openLearningWorld();
  await world.ask("Where is my order?");
  const followUp = await world.ask(ASKED);
  await world.think(followUp.id, { score: 5 });

  expect(await world.finder.find({ scope: SUPPORT, question: ALIKE, exceptTurnIds: new Set() })).toEqual([]);
});

test("at most the newest rated turns are kept, and none is embedded twice, also after a start", async () => {
  const world = await openLearningWorld({ examples: { turnsMax: 3, max: 9 } });
  for (let index = 0; index < 5; index++) {
    const turn = await world.ask(`${ASKED} ${index}`, elsewhere(`c${index}`));
    await world.think(turn.id, { score: 5 });
  }
  const restarted = world.openFinder();
  await restarted.refresh(SUPPORT);
  const embedded = world.embedded.length;
  await world.openFinder().refresh(SUPPORT);

  const found = await restarted.find({ scope: SUPPORT, question: ALIKE, exceptTurnIds: new Set() });
  expect(found.map(({ question }) => question.at(-1)).toSorted()).toEqual(["2", "3", "4"]);
  expect(world.embedded.slice(embedded)).toEqual([ALIKE]);
});

test("nothing is embedded where there is no example, or none is wanted", async () => {
  const empty = await openLearningWorld();
  await empty.ask(ASKED);
  expect(empty.embedded).toEqual([]);

  const off = await openLearningWorld({ examples: { max: 0 } });
  const turn = await off.ask(ASKED);
  await off.think(turn.id, { score: 5 });
  await off.ask(ALIKE, elsewhere("b"));
  expect(off.embedded).toEqual([]);
});
