import { expect, test } from "vitest";
import { carryCursors, cursorKey } from "#compose/discord-shards.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";

test("carryCursors() begins every shard where the only process was", async () => {
  const platforms = openTempStore().platforms;
  await platforms.putCursor(cursorKey(undefined), 5000);

  await carryCursors(platforms, 2);

  expect([await platforms.getCursor(cursorKey(0)), await platforms.getCursor(cursorKey(1))]).toEqual([5000, 5000]);
});

test("carryCursors() leaves each shard its own place while their number stays", async () => {
  const platforms = openTempStore().platforms;
  await carryCursors(platforms, 2);
  await platforms.putCursor(cursorKey(0), 9000);
  await platforms.putCursor(cursorKey(1), 3000);

  await carryCursors(platforms, 2);

  expect([await platforms.getCursor(cursorKey(0)), await platforms.getCursor(cursorKey(1))]).toEqual([9000, 3000]);
});

test("carryCursors() goes back to the earliest shard when their number changes, and to one process", async () => {
  const platforms = openTempStore().platforms;
  await carryCursors(platforms, 2);
  await platforms.putCursor(cursorKey(0), 9000);
  await platforms.putCursor(cursorKey(1), 3000);

  await carryCursors(platforms, 3);
  expect(await platforms.getCursor(cursorKey(2))).toBe(3000);
  await platforms.putCursor(cursorKey(2), 4000);
  await carryCursors(platforms, 0);

  expect(await platforms.getCursor(cursorKey(undefined))).toBe(3000);
});

test("carryCursors() leaves a first start without a place to catch up from", async () => {
  const platforms = openTempStore().platforms;

  await carryCursors(platforms, 2);
  await carryCursors(platforms, 0);

  expect(await platforms.getCursor(cursorKey(undefined))).toBeUndefined();
});
