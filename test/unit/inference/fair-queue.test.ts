import { expect, test } from "vitest";
import { QueueFullError } from "#core/errors.ts";
import { FairQueue } from "#inference/fair-queue.ts";

const NEVER = new AbortController().signal;

function queueOf(changes: Partial<ConstructorParameters<typeof FairQueue>[0]> = {}): FairQueue {
  return new FairQueue({ parallelMax: 1, queueMax: 10, waitMaxMs: 10_000, ...changes });
}

/** Enters for each key at once and gives each place back at once; the keys in the order they were served. */
async function serveAll(queue: FairQueue, keys: readonly string[]): Promise<readonly string[]> {
  const order: string[] = [];
  const visits = keys.map(async (key) => {
    const leave = await queue.enter(key, NEVER);
    order.push(key);
    await Promise.resolve();
    leave();
  });
  await Promise.all(visits);
  return order;
}

test("enter() takes turns between keys when one has a backlog", async () => {
  expect(await serveAll(queueOf(), ["a", "a", "a", "b", "b", "c"])).toEqual(["a", "b", "c", "a", "b", "a"]);
});

test("enter() prefers the key that holds fewer places when a place comes free", async () => {
  const queue = queueOf({ parallelMax: 2 });
  const [first] = [await queue.enter("a", NEVER), await queue.enter("a", NEVER)];
  const order: string[] = [];
  const waiting = ["a", "b"].map((key) => queue.enter(key, NEVER).then(() => order.push(key)));
  first?.();
  await waiting[1];

  expect(order).toEqual(["b"]);
});

test("enter() does not let newcomers starve a key that waits", async () => {
  const queue = queueOf();
  const leaveFirst = await queue.enter("a", NEVER);
  const order: string[] = [];
  const visit = async (key: string, rounds: number): Promise<void> => {
    const leave = await queue.enter(key, NEVER);
    order.push(key);
    leave();
    if (rounds > 1) await visit(key, rounds - 1);
  };
  const visits = [visit("b", 3), visit("c", 3), visit("a", 1)];
  leaveFirst();
  await Promise.all(visits);

  expect(order.indexOf("a")).toBeLessThanOrEqual(2);
});

test("enter() rejects with QueueFullError when queueMax wait", async () => {
  const queue = queueOf({ queueMax: 1 });
  const leave = await queue.enter("a", NEVER);
  const waiting = queue.enter("b", NEVER);

  await expect(queue.enter("c", NEVER)).rejects.toThrow(QueueFullError);
  leave();
  await expect(waiting).resolves.toBeTypeOf("function");
});

test("enter() rejects with QueueFullError when it waited for waitMaxMs", async () => {
  const queue = queueOf({ waitMaxMs: 5 });
  await queue.enter("a", NEVER);

  await expect(queue.enter("b", NEVER)).rejects.toThrow(QueueFullError);
  expect(queue.waiting).toBe(0);
});

test("enter() rejects with the reason and leaves the queue when aborted", async () => {
  const queue = queueOf();
  const leave = await queue.enter("a", NEVER);
  const stopper = new AbortController();
  const aborted = queue.enter("b", stopper.signal);
  const next = queue.enter("c", NEVER);
  stopper.abort(new Error("enough"));

  await expect(aborted).rejects.toThrow("enough");
  leave();
  await expect(next).resolves.toBeTypeOf("function");
});

test("leave() gives a place back once when called twice", async () => {
  const queue = queueOf({ parallelMax: 2 });
  const leave = await queue.enter("a", NEVER);
  await queue.enter("b", NEVER);
  leave();
  leave();

  expect(queue.holding).toBe(1);
});
