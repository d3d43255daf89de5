import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import type { EventBus } from "#events/event-bus.ts";
import { keepFresh } from "#events/keep-fresh.ts";
import { memoryEventBus } from "#events/memory/event-bus.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A bus whose hearing a test decides. */
function openFresh(hearing: { span: number | undefined }) {
  const events: EventBus = { ...memoryEventBus(), hearingSpan: () => hearing.span };
  const failures: unknown[] = [];
  const state = { reads: 0, isBroken: false };
  const fresh = keepFresh({
    events,
    kind: "service.changed",
    async read() {
      state.reads++;
      if (state.isBroken) throw new Error("The store is away");
    },
    onFailure: (error) => failures.push(error),
  });
  onTestFinished(() => fresh.stop());
  const readsIn = async (ms: number) => {
    const before = state.reads;
    await vi.advanceTimersByTimeAsync(ms);
    return state.reads - before;
  };
  return { events, failures, state, fresh, readsIn };
}

test("keepFresh() reads twice a second while hints may be lost", async () => {
  const { readsIn } = openFresh({ span: undefined });

  expect(await readsIn(10_000)).toBe(20);
});

test("keepFresh() reads every five seconds while every hint is heard", async () => {
  const { readsIn } = openFresh({ span: 1 });

  expect(await readsIn(30_000)).toBe(6);
});

test("keepFresh() reads at once when a hint of its kind comes, and at no other", async () => {
  const { events, readsIn } = openFresh({ span: 1 });

  events.publish({ kind: "settings.changed", workspaceId: "w1" });
  expect(await readsIn(0)).toBe(0);
  events.publish({ kind: "service.changed", scopeKey: "s1" });
  expect(await readsIn(0)).toBe(1);
});

test("keepFresh() reads within half a second when hints may have been lost, and as often as that while they may be", async () => {
  const hearing: { span: number | undefined } = { span: 1 };
  const { readsIn } = openFresh(hearing);
  await readsIn(5500);

  hearing.span = 2;
  expect(await readsIn(500)).toBe(1);
  expect(await readsIn(4500)).toBe(0);
  hearing.span = undefined;
  expect(await readsIn(2000)).toBe(4);
  hearing.span = 3;
  expect(await readsIn(500)).toBe(1);
  expect(await readsIn(4500)).toBe(0);
});

test("keepFresh() reads again within half a second when a read failed, and tells of it once", async () => {
  const { events, failures, state, readsIn } = openFresh({ span: 1 });
  state.isBroken = true;
  events.publish({ kind: "service.changed", scopeKey: "s1" });
  expect(await readsIn(2000)).toBe(5);
  expect(failures).toHaveLength(1);

  state.isBroken = false;
  expect(await readsIn(500)).toBe(1);
  expect(await readsIn(4500)).toBe(0);
});

test("stop() ends the looking", async () => {
  const { events, fresh, readsIn } = openFresh({ span: undefined });
  fresh.stop();

  events.publish({ kind: "service.changed", scopeKey: "s1" });
  expect(await readsIn(5000)).toBe(0);
});
