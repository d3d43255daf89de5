import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { emptyService, type Service } from "#core/service.ts";
import type { LearningStore } from "#store/learning-store.ts";
import { watchServices } from "#trainer/service-watch.ts";
import { openTrainingWorld } from "./training-world.ts";

afterEach(() => {
  vi.useRealTimers();
});

async function openWatch(changes: Partial<LearningStore> = {}) {
  const world = await openTrainingWorld({ liked: 0 });
  const put = (active: string, epoch: number) =>
    world.store.learning.compareAndSetService({ ...emptyService(world.scope), active, epoch }, epoch - 1);
  const { events, log } = world.activate;
  const open = async () => {
    const watch = await watchServices({ ...world.store.learning, ...changes }, events, log);
    onTestFinished(() => watch.stop());
    return watch;
  };
  return { ...world, put, open, events };
}

test("current() is an empty service when nothing is in service", async () => {
  const { open, scope } = await openWatch();

  expect((await open()).current(scope)).toEqual(emptyService(scope));
});

test("current() tells what was in service at the start, and a change within a second without a hint", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { open, put, scope } = await openWatch();
  await put("one", 1);
  const watch = await open();
  expect(watch.current(scope).active).toBe("one");

  await put("two", 2);
  expect(watch.current(scope).active).toBe("one");
  await vi.advanceTimersByTimeAsync(1000);
  expect(watch.current(scope).active).toBe("two");
});

test("current() tells a change at once after a hint", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { open, put, scope, events } = await openWatch();
  const watch = await open();
  await put("one", 1);

  events.publish({ kind: "service.changed", scopeKey: "any" });
  await new Promise((resolve) => setTimeout(resolve, 20));

  expect(watch.current(scope).active).toBe("one");
});

test("onChange() is called once per change", async () => {
  const { open, put } = await openWatch();
  const watch = await open();
  const changes: Service[] = [];
  watch.onChange((service) => changes.push(service));

  await put("one", 1);
  await watch.refresh();
  await watch.refresh();

  expect(changes).toMatchObject([{ active: "one", epoch: 1 }]);
});

test("refresh() tells a change made before the call when an older read is still under way", async () => {
  let release: (() => void) | undefined;
  let reads = 0;
  const { open, put, scope, store } = await openWatch({
    async listServices() {
      reads++;
      const services = await store.learning.listServices();
      if (reads === 2) await new Promise<void>((resolve) => (release = resolve));
      return services;
    },
  });
  const watch = await open();
  const slow = watch.refresh();
  while (release === undefined) await Promise.resolve();
  await put("one", 1);

  const refreshed = watch.refresh();
  await new Promise((resolve) => setTimeout(resolve, 20));
  release();
  await Promise.all([slow, refreshed]);

  expect(watch.current(scope).active).toBe("one");
});

test("refresh() works again after a read that failed", async () => {
  let isBroken = false;
  const { open, put, scope, store } = await openWatch({
    async listServices() {
      if (isBroken) throw new Error("The store is away");
      return store.learning.listServices();
    },
  });
  const watch = await open();
  isBroken = true;
  await expect(watch.refresh()).rejects.toThrow("The store is away");
  isBroken = false;
  await put("one", 1);

  await watch.refresh();
  expect(watch.current(scope).active).toBe("one");
});

test("stop() ends the looking", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { open, put, scope, events } = await openWatch();
  const watch = await open();
  watch.stop();
  await put("one", 1);

  events.publish({ kind: "service.changed", scopeKey: "any" });
  await vi.advanceTimersByTimeAsync(5000);

  expect(watch.current(scope).active).toBeUndefined();
});
