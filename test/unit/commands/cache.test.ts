import { expect, test } from "vitest";
import { clearCache, inspectCache, showCacheStats } from "#commands/cache.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";
import { recordingOutput } from "./recording-output.ts";

const NOW_MS = 1_800_000_000_000;

async function openCache() {
  const { cache } = openTempStore();
  for (const [index, question] of ["Where is my refund", `A question\n${"that is long ".repeat(9)}`].entries()) {
    await cache.put(
      {
        scope: "s",
        question,
        reply: "Soon",
        turnId: `t${index}`,
        domain: "support",
        vector: Float32Array.of(1, 0),
        createdAtMs: NOW_MS + index,
        expiresAtMs: NOW_MS + (index === 0 ? -1 : 7_200_000),
        hits: 0,
      },
      10,
    );
  }
  for (const outcome of ["exact", "near", "miss", "miss", "skipped"] as const) await cache.count(outcome);
  return { cache, ...recordingOutput() };
}

test("showCacheStats() tells entries, look-ups and the share of hits", async () => {
  const { cache, output, printed } = await openCache();

  await showCacheStats(cache, { isJson: false }, output);

  expect(printed[0]).toMatch(/^2 stored replies, /);
  expect(printed[1]).toBe("4 look-ups: 1 exact, 1 near, 2 missed (50.0 % hits)");
  expect(printed[2]).toMatch(/^1 messages were not looked up/);
});

test("showCacheStats() divides nothing by nothing when nobody asked", async () => {
  const { output, json } = recordingOutput();

  await showCacheStats(openTempStore().cache, { isJson: true }, output);

  expect(json()).toMatchObject({ entries: 0, hitRatio: 0 });
});

test("inspectCache() shows the newest first, on one line each, with the time that is left", async () => {
  const { cache, output, text } = await openCache();

  await inspectCache(cache, { isJson: false, limit: 10, nowMs: NOW_MS }, output);

  const rows = text().split("\n");
  const long = rows.findIndex((row) => row.includes("A question that is long"));
  expect(rows[long]).toContain("…");
  expect(rows[long]).toContain("2 h");
  expect(rows.findIndex((row) => row.includes("Where is my refund"))).toBeGreaterThan(long);
});

test("inspectCache() shows no more than asked for, without vectors, for scripts", async () => {
  const { cache, output, json } = await openCache();

  await inspectCache(cache, { isJson: true, limit: 1, nowMs: NOW_MS }, output);

  expect(json()).toHaveLength(1);
  expect(json()[0]).toMatchObject({ reply: "Soon", turnId: "t1" });
  expect(json()[0]).not.toHaveProperty("vector");
});

test("inspectCache() says when the cache is empty", async () => {
  const { output, text } = recordingOutput();

  await inspectCache(openTempStore().cache, { isJson: false, limit: 1, nowMs: NOW_MS }, output);

  expect(text()).toBe("The cache is empty.");
});

test("clearCache() removes all, or only what expired, and nothing in a dry run", async () => {
  const { cache, output, printed } = await openCache();

  await clearCache(cache, { isDryRun: true }, output);
  expect((await cache.stats()).entries).toBe(2);
  await clearCache(cache, { isDryRun: false, expiredBeforeMs: NOW_MS }, output);
  expect((await cache.stats()).entries).toBe(1);
  await clearCache(cache, { isDryRun: false }, output);
  expect((await cache.stats()).entries).toBe(0);

  expect(printed).toEqual([
    "Would remove up to 2 stored replies; nothing was changed",
    "Removed 1 stored replies",
    "Removed 1 stored replies",
  ]);
});
