import { expect, test } from "vitest";
import { AdapterRefusedError } from "#core/errors.ts";
import { buildDataset } from "#trainer/build-dataset.ts";
import { SCRIPTED_BASE, scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { SETTINGS } from "../trainer/dataset-world.ts";
import { openChatWorld, SUPPORT } from "./chat-world.ts";
import { openLearningWorld } from "./learning-world.ts";

const scripted = scriptedEngine((question) => ({ text: `Reply to ${question}` }));

function promptOf(world: { readonly requests: readonly { readonly messages: readonly { content: string }[] }[] }) {
  return (world.requests.at(-1)?.messages ?? []).map(({ content }) => content);
}

test("people of one conversation are told apart by letters, never by their ids", async () => {
  const world = await openChatWorld();
  await world.ask("My refund?", { userId: "U-ana" });
  expect(promptOf(world)).toEqual(["Be kind.", "My refund?"]);

  await world.ask("And mine?", { userId: "U-bea" });
  await world.ask("Thanks.", { userId: "U-ana" });

  expect(promptOf(world).filter((_, index) => index % 2 === 1)).toEqual([
    "Person A: My refund?",
    "Person B: And mine?",
    "Person A: Thanks.",
  ]);
  expect(promptOf(world).join()).not.toContain("U-");
});

test("a person keeps their letter when the turns before are cut, and has none where nobody else is left", async () => {
  const world = await openChatWorld({ contextTokens: 230, settings: { replyTokensMax: 100 } });
  await world.ask("x".repeat(60), { userId: "ana" });
  await world.ask("refund", { userId: "bea" });
  await world.ask("a", { userId: "cid" });
  expect(promptOf(world).at(-1)).toBe("Person C: a");
  expect(promptOf(world)[1]).toBe("Person B: refund");
});

test("what was served to a group is what is learned, byte for byte, but for the examples", async () => {
  const world = await openLearningWorld();
  const taught = await world.ask("refund for a kettle", { threadId: "before", userId: "zoe" });
  await world.think(taught.id, { score: 5 });
  await world.ask("My refund?", { userId: "ana" });
  const turn = await world.ask("refund for a kettle please", { userId: "bea" });
  await world.think(turn.id, { score: 5, userId: "cid" });
  expect(turn.provenance.exampleTurnIds).toEqual([taught.id]);

  const built = await buildDataset(
    { ...world.store, now: () => world.clock.nowMs },
    {
      scope: SUPPORT,
      days: 30,
      settings: SETTINGS,
      systemPromptFor: async () => "Be kind.",
      signal: new AbortController().signal,
    },
  );

  const rows = [...built.train, ...built.valid];
  const served = world.requests.at(-1)?.messages ?? [];
  expect(rows.find(({ id }) => id === turn.id)?.messages).toEqual([served[0], ...served.slice(3)]);
  expect(served.slice(1, 3).map(({ content }) => content)).toEqual(["refund for a kettle", taught.reply]);
  expect(built.sourceTurnIds).toEqual(expect.arrayContaining([taught.id, turn.id]));
});

test("nothing is learned from a reply whose example's author opted out since", async () => {
  const world = await openLearningWorld();
  const taught = await world.ask("refund for a kettle", { threadId: "before", userId: "zoe" });
  await world.think(taught.id, { score: 5 });
  const turn = await world.ask("refund for a kettle please", { userId: "bea" });
  const next = await world.ask("Thanks!", { userId: "bea" });
  for (const { id } of [turn, next]) await world.think(id, { score: 5, userId: "cid" });
  await world.store.people.putChoice({ workspaceId: "local:home", userId: "zoe", learns: false, changedAtMs: 1 });

  const built = await buildDataset(
    { ...world.store, now: () => world.clock.nowMs },
    {
      scope: { ...SUPPORT, domain: "*" },
      days: 30,
      settings: SETTINGS,
      systemPromptFor: async () => "Be kind.",
      signal: new AbortController().signal,
    },
  );

  expect([...built.train, ...built.valid]).toEqual([]);
  expect(built.dropped).toMatchObject([{ filter: "opted-out", rows: 3 }]);
});

test("the system prompt is asked for with the place of the message", async () => {
  const places: unknown[] = [];
  const world = await openChatWorld({
    settings: {
      systemPromptFor: async (_, place) => {
        places.push([place?.platform, place?.workspaceId, place?.channelId, place?.visibility]);
        return "Here.";
      },
    },
  });

  await world.ask("refund", { channelId: "C9", visibility: "private" });

  expect(places).toEqual([["local", "local:home", "C9", "private"]]);
});

test("the base model answers when the engine refuses the adapter while it answers, and the turn says so", async () => {
  const world = await openChatWorld({
    async *generate(request) {
      if (request.adapter === undefined) {
        yield* scripted.generate(request);
        return;
      }
      yield { kind: "text", text: "half a wo" } as const;
      throw new AdapterRefusedError(request.adapter.digest, "its file is broken");
    },
  });
  await world.activate(await world.makeAdapter("one"));

  const turn = await world.ask("refund");

  expect(turn).toMatchObject({ status: "complete", reply: "Reply to refund", arm: { epoch: 1 } });
  expect(turn.arm).not.toHaveProperty("adapterDigest");
  expect(turn.provenance).toMatchObject({ modelDigest: SCRIPTED_BASE.digest });
  expect(turn.provenance).not.toHaveProperty("adapterDigest");
  expect(world.shown.at(-1)).toMatchObject({ text: "Reply to refund", isFinal: true });
  expect(world.lines.filter(({ event }) => event === "adapter.refused")).toHaveLength(1);
});
