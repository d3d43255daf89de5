import { expect, test } from "vitest";
import { EventQueue } from "#dashboard/event-queue.ts";

test("take() gives the newest value of a key, once, in the order of the keys", async () => {
  const queue = new EventQueue<string>(10);
  queue.push("a", "old");
  queue.push("b", "other");
  queue.push("a", "new");

  expect([await queue.take(5), await queue.take(5), await queue.take(5)]).toEqual(["new", "other", undefined]);
});

test("take() wakes up when something is pushed", async () => {
  const queue = new EventQueue<string>(10);
  const taken = queue.take(10_000);
  queue.push("a", "now");

  expect(await taken).toBe("now");
});

test("take() wakes up when the queue is closed", async () => {
  const queue = new EventQueue<string>(10);
  const taken = queue.take(10_000);
  queue.close();

  expect(await taken).toBeUndefined();
  expect(queue.isClosed).toBe(true);
});

test("push() closes a queue whose reader is too slow", () => {
  const queue = new EventQueue<number>(2);
  for (const key of ["a", "b", "c"]) queue.push(key, 1);

  expect(queue.isClosed).toBe(true);
});
