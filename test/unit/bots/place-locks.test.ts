import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createPlaceLocks } from "#bots/place-locks.ts";
import type { Lease, Leases } from "#store/lease.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** One holder a name, as every store's leases promise. */
function memoryLeases(): Leases {
  const held = new Map<string, Lease>();
  return {
    async acquire(name, holder) {
      if (held.has(name)) return undefined;
      const lease = { name, holder, fencingToken: 1 };
      held.set(name, lease);
      return lease;
    },
    renew: async ({ name }) => held.has(name),
    release: async ({ name }) => void held.delete(name),
  };
}

function openProcesses(leases: Leases) {
  return ["A", "B"].map((holder) => createPlaceLocks({ leases, holder, now: Date.now, log }));
}

test("hold() lets two processes act one after another in a place, and side by side elsewhere", async () => {
  const [one, other] = openProcesses(memoryLeases());
  const { signal } = new AbortController();
  let acting = 0;
  let most = 0;
  const act = async () => {
    most = Math.max(most, ++acting);
    await sleep(20);
    acting--;
  };
  await Promise.all([one?.hold("C1", signal, act), other?.hold("C1", signal, act)]);
  const alone = most;
  await Promise.all([one?.hold("C1", signal, act), other?.hold("C2", signal, act)]);

  expect([alone, most]).toEqual([1, 2]);
});

test("hold() gives the place back when its act fails, and gives up waiting when its signal aborts", async () => {
  const [one, other] = openProcesses(memoryLeases());
  const abort = new AbortController();
  let leave: () => void = () => {};
  const inside = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const holding = one?.hold("C1", new AbortController().signal, () => inside);
  const waiting = expect(other?.hold("C1", abort.signal, async () => {})).rejects.toThrow("Closing");
  abort.abort(new Error("Closing"));
  await waiting;
  leave();
  await holding;
  const failing = one?.hold("C1", new AbortController().signal, () => Promise.reject(new Error("Broken")));
  await expect(failing).rejects.toThrow("Broken");

  expect(await other?.hold("C1", new AbortController().signal, async () => "in")).toBe("in");
});

test("hold() acts without a lock while nobody can be asked for one", async () => {
  const away = () => Promise.reject(new Error("Redis is away"));
  const [one] = openProcesses({ acquire: away, renew: away, release: away });

  expect(await one?.hold("C1", new AbortController().signal, async () => "answered")).toBe("answered");
});
