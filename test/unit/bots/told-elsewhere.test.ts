import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createToldElsewhere, type MessageChange } from "#bots/told-elsewhere.ts";
import type { EventBus } from "#events/event-bus.ts";
import { memoryEventBus } from "#events/memory/event-bus.ts";

const PLACE = { workspaceId: "discord:1", channelId: "c1", messageId: "m1" };
/** Long enough that a test sees what happens before the first try. */
const PAUSES_MS = [30, 20, 10];

function openTold(pausesMs = PAUSES_MS, events: EventBus = memoryEventBus()) {
  const heard: MessageChange[] = [];
  const told = createToldElsewhere(events, (change) => heard.push(change), pausesMs);
  onTestFinished(() => told.stop());
  return { told, heard, events };
}

/** Counts its tries, and is done with the last of `results`. */
function trying(...results: readonly boolean[]) {
  const state = { tries: 0 };
  const act = async () => results[Math.min(state.tries++, results.length - 1)] === true;
  return { state, act };
}

test("tell() reaches who listens on the same bus, with what was done and to which message", async () => {
  const here = openTold();
  const elsewhere = openTold(PAUSES_MS, here.events);

  here.told.tell({ ...PLACE, change: "edited", revision: 7 });

  await expect
    .poll(() => elsewhere.heard)
    .toEqual([{ kind: "message.changed", change: "edited", revision: 7, ...PLACE }]);
});

test("createToldElsewhere() passes on no other hint, and nothing after stop()", async () => {
  const { told, heard, events } = openTold();
  events.publish({ kind: "settings.changed", workspaceId: "discord:1" });
  events.publish({ kind: "message.changed", change: "stopped", ...PLACE });
  await expect.poll(() => heard.map(({ change }) => change)).toEqual(["stopped"]);

  told.stop();
  events.publish({ kind: "message.changed", change: "deleted", ...PLACE });
  await sleep(20);

  expect(heard).toHaveLength(1);
});

test("tryLater() waits before it tries, tries again after each pause, and ends when it is done", async () => {
  const { told } = openTold();
  const { state, act } = trying(false, true);

  const trial = told.tryLater(act);
  expect(state.tries).toBe(0);
  await trial;

  expect(state.tries).toBe(2);
});

test("tryLater() gives up after its last pause", async () => {
  const { told } = openTold([1, 1, 1]);
  const { state, act } = trying(false);

  await told.tryLater(act);

  expect(state.tries).toBe(3);
});

test("tryLater() ends at once, without another try, when this process stops", async () => {
  const { told } = openTold([60_000]);
  const { state, act } = trying(true);

  const trial = told.tryLater(act);
  told.stop();
  await trial;

  expect(state.tries).toBe(0);
});

test("tryLater() rejects with what a try rejects with, and makes room for another", async () => {
  const { told } = openTold([1]);
  const failing = Array.from({ length: 500 }, () => told.tryLater(() => Promise.reject(new Error("away"))));
  expect((await Promise.allSettled(failing)).every(({ status }) => status === "rejected")).toBe(true);

  const { state, act } = trying(true);
  await told.tryLater(act);

  expect(state.tries).toBe(1);
});

test("tryLater() leaves out what comes when 500 are being tried", async () => {
  const { told } = openTold();
  const { state, act } = trying(true);
  const trials = Array.from({ length: 501 }, () => told.tryLater(act));

  await Promise.all(trials);

  expect(state.tries).toBe(500);
});
