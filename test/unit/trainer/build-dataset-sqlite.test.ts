import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSqliteStore, type SqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { DatasetWorld, NOW_MS } from "./dataset-world.ts";

let directory: string;
let store: SqliteStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "reactune-dataset-"));
  store = openSqliteStore({ path: join(directory, "reactune.db"), now: () => NOW_MS });
});
afterEach(async () => {
  store.close();
  await rm(directory, { recursive: true });
});

/** Everything at once: likes, dislikes, corrections, regenerations, histories, the cache, people who said no. */
function busyWorld(): DatasetWorld {
  const world = new DatasetWorld("slack:T1").permit("adapters").optOut("eve");
  for (let index = 0; index < 230; index++) {
    world.say({
      asker: `asker-${index % 7}`,
      conversation: `c-${index % 90}`,
      scores: { bo: index % 6 === 0 ? 2 : 5 },
    });
  }
  const first = world.say({ conversation: "h", scores: { bo: 5 } });
  world.say({ conversation: "h", inputs: [first], scores: { bo: 4 } });
  world.say({ asker: "eve", scores: { bo: 5 } });
  world.say({ correction: { by: "ana", text: "Behind the red door.", endorsedBy: ["bo"] } });
  world.say({ correction: { by: "ana", text: "Nobody agreed with this." } });
  const question = "Who built the tower by the sea?";
  const vague = world.say({ conversation: "r", question, reply: "No idea.", scores: { bo: 3 } });
  world.say({
    conversation: "r",
    question,
    reply: "Gustave did.",
    turn: { regenerationOf: vague.id },
    scores: { bo: 5 },
  });
  world.say({ visibility: "private", scores: { bo: 5 } });
  world.say({ turn: { askedAtMs: NOW_MS - 40 * 86_400_000 }, scores: { bo: 5 } });
  return world;
}

test("buildDataset() makes the same rows of a SQLite store as of the world that was written into it", async () => {
  const world = busyWorld();
  await world.saveTo(store);

  const fromStore = await world.buildFrom(store);
  const inMemory = await world.build();

  // A hundred that "bo" liked, which is the limit per person, and one that "ana" taught.
  expect(fromStore.train.length + fromStore.valid.length).toBe(101);
  expect(fromStore.pairs.map(({ source }) => source)).toEqual(["correction", "regeneration"]);
  expect({ ...fromStore, dropped: [] }).toEqual({ ...inMemory, dropped: [] });
  // A private turn never leaves the store for a public scope, so only the world in memory has one to drop.
  expect(fromStore.dropped).toEqual(inMemory.dropped.filter(({ filter }) => filter !== "audience"));
});

test("buildDataset() takes a reply served again from the cache out of a SQLite store", async () => {
  const world = new DatasetWorld();
  const source = world.say({ question: "Where is the lamp?", reply: "On the desk." });
  const cache = { hit: "exact", reason: "same question", sourceTurnId: source.id } as const;
  world.say({
    question: "Where is the lamp?",
    reply: "On the desk.",
    turn: { provenance: { ...source.provenance, cache, endedBy: "cache" } },
  });
  await world.saveTo(store);

  const { train } = await world.buildFrom(store);

  expect(train.map(({ id, kind, weight }) => ({ id, kind, weight }))).toEqual([
    { id: source.id, kind: "served-again", weight: 0.2 },
  ]);
});
