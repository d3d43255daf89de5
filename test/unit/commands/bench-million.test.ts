import { expect, test } from "vitest";
import { fillCache, fillStore } from "#commands/bench-fill.ts";
import { benchLongActs } from "#commands/bench-long-acts.ts";
import { benchQueries } from "#commands/bench-queries.ts";
import { benchScores, benchTargets, benchTurns } from "#commands/bench-records.ts";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { NOON_MS } from "../../contract/sample-records.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";

const OPTIONS = { turns: 3000, scores: 300, nowMs: NOON_MS };

test("benchQueries() asks for everything that fillStore() leaves in a store", { timeout: 60_000 }, async () => {
  const store = openTempStore();
  const stores = { ...store, jobs: sqliteJobQueue({ database: store.jobsDatabase, now: () => NOON_MS }) };
  const byKind = await fillStore(store.archive, OPTIONS, () => undefined);
  await fillCache(store.cache, 1000, NOON_MS);

  expect(byKind.get("turn")).toBe(OPTIONS.turns);
  expect(byKind.get("feedback")).toBe(OPTIONS.scores);
  const queries = await benchQueries(stores, benchTargets(), OPTIONS);
  expect(queries.length).toBeGreaterThan(40);
  // A small store has no turn in each single channel.
  const empty = queries.filter(({ records }) => records === 0).map(({ name }) => name);
  expect(empty.filter((name) => !name.includes("busy channel"))).toEqual([]);
  const acts = await benchLongActs(stores, benchTargets(), NOON_MS);
  expect(acts.every(({ records }) => records > 0)).toBe(true);
});

test("benchTurns() and benchScores() give as many as were asked for, each person's score of a turn once", () => {
  const turns = [...benchTurns(OPTIONS)];
  const scores = [...benchScores(OPTIONS)];

  expect(new Set(turns.map(({ id }) => id)).size).toBe(OPTIONS.turns);
  expect(new Set(scores.map(({ turnId, userId }) => `${turnId} ${userId}`)).size).toBe(OPTIONS.scores);
  expect(new Set(turns.map(({ workspaceId }) => workspaceId)).size).toBeGreaterThan(20);
});

test("benchScores() scores turns that are there, also where shares are no whole numbers", () => {
  const options = { turns: 1511, scores: 400, nowMs: NOON_MS };
  const ids = new Set(Array.from(benchTurns(options), ({ id }) => id));

  expect([...benchScores(options)].filter(({ turnId }) => !ids.has(turnId))).toEqual([]);
});
