import { expect, onTestFinished, test, vi } from "vitest";
import { createLateSync, settleWrites } from "#store/sqlite/late-sync.ts";

/** Flushes that end when the test says so. */
function openFlushes() {
  const flushes: { readonly end: () => void; readonly fail: (error: Error) => void }[] = [];
  const late = createLateSync(() => new Promise<void>((end, fail) => flushes.push({ end, fail })));
  return { late, flushes };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  const rounds = new Promise((resolve) => setImmediate(() => resolve(pending)));
  return (await Promise.race([promise, rounds])) !== pending;
}

test("settle() resolves when what was written is flushed, and at once when nothing was", async () => {
  const { late, flushes } = openFlushes();
  expect(await isSettled(late.settle())).toBe(true);
  late.noteWrite(true);
  const settled = late.settle();

  expect(await isSettled(settled)).toBe(false);
  flushes[0]?.end();
  await settled;
  expect(flushes).toHaveLength(1);
});

test("settle() shares a flush, but not with one that began before the write", async () => {
  const { late, flushes } = openFlushes();
  late.noteWrite(true);
  const first = late.settle();
  late.noteWrite(true);
  const [second, third] = [late.settle(), late.settle()];
  flushes[0]?.end();
  await first;

  expect(await isSettled(second)).toBe(false);
  expect(flushes).toHaveLength(2);
  flushes[1]?.end();
  await Promise.all([second, third]);
  expect(flushes).toHaveLength(2);
});

test("settle() rejects when the flush fails, and tries again next time", async () => {
  const { late, flushes } = openFlushes();
  late.noteWrite(true);
  const failed = late.settle();
  flushes[0]?.fail(new Error("disk is gone"));
  await expect(failed).rejects.toThrow("disk is gone");

  const again = late.settle();
  expect(await isSettled(again)).toBe(false);
  flushes[1]?.end();
  await again;
});

test("settleWrites() holds a method's promise back when it wrote, and only then", async () => {
  const { late, flushes } = openFlushes();
  const store = settleWrites(late, {
    name: "store",
    async save(value: number) {
      late.noteWrite(true);
      return value;
    },
    read: async (value: number) => value,
    count: () => 3,
  });
  const saved = store.save(1);

  expect(await store.read(2)).toBe(2);
  expect([store.count(), store.name]).toEqual([3, "store"]);
  expect(await isSettled(saved)).toBe(false);
  flushes[0]?.end();
  expect(await saved).toBe(1);
});

test("settleWrites() holds nothing back for a write that nobody waits for, which is flushed soon by itself", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const { late, flushes } = openFlushes();
  const store = settleWrites(late, {
    async note() {
      late.noteWrite(false);
    },
  });

  await store.note();
  await store.note();
  expect(flushes).toHaveLength(0);
  vi.advanceTimersByTime(100);
  expect(flushes).toHaveLength(1);
});

test("settle() flushes what nobody waited for together with what somebody does", async () => {
  const { late, flushes } = openFlushes();
  late.noteWrite(false);
  late.noteWrite(true);
  const settled = late.settle();
  flushes[0]?.end();
  await settled;
  await late.settle();

  expect(flushes).toHaveLength(1);
});
