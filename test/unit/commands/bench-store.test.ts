import { expect, test } from "vitest";
import { benchStore } from "#commands/bench-store.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";

test("benchStore() fills a store with what it tells of and measures it", async () => {
  const store = openTempStore();
  const nowMs = 1_767_268_800_000;
  const figures = await benchStore(store, { turns: 400, scores: 40, cacheEntries: 20, dimensions: 8, nowMs });

  expect(figures).toMatchObject({ turns: 400, scores: 40, cacheEntries: 20 });
  expect(figures.readCounts.p95Ms).toBeGreaterThan(0);
  const scope = { workspaceId: "local:bench", audience: "public", domain: ALL_DOMAINS };
  // 200 turns and scores were added by the measurement.
  expect(await store.learning.readCounts(scope, 0)).toMatchObject({ messages: 1200, feedback: 240 });
});
