import { expect, test } from "vitest";
import { openRunJournal } from "#trainer/run-journal.ts";
import { openTrainingWorld } from "./training-world.ts";

async function openJournal() {
  const world = await openTrainingWorld({ liked: 0 });
  const { learning } = world.store;
  const { events } = world.activate;
  const clock = { nowMs: 10_000 };
  let isBroken = false;
  const breakable = {
    ...learning,
    async saveRun(...given: Parameters<typeof learning.saveRun>) {
      if (isBroken) throw new Error("Disk full");
      await learning.saveRun(...given);
    },
  };
  const run = await world.queueRun();
  return {
    ...world,
    learning,
    events,
    clock,
    journal: openRunJournal({ learning: breakable, events, now: () => clock.nowMs }, run),
    breakStore(broken: boolean) {
      isBroken = broken;
    },
    stored: () => learning.findRun("run-1"),
  };
}

test("enter() stores the state before it tells the message", async () => {
  const { journal, stored, messages, events } = await openJournal();
  const hints: unknown[] = [];
  events.subscribe(["run.changed"], (hint) => hints.push(hint));

  await journal.enter("collecting", "Collecting", { datasetHash: "d" });

  expect(await stored()).toMatchObject({
    state: "collecting",
    datasetHash: "d",
    progress: { phase: "collecting", step: 0, stepsTotal: 0 },
  });
  expect(await messages()).toEqual(["Collecting"]);
  expect(hints).toContainEqual({ kind: "run.changed", runId: "run-1" });
});

test("progress() is kept at most twice a second, and the last step always", async () => {
  const { journal, clock, messages, stored } = await openJournal();
  await journal.enter("training", "Training");
  for (let step = 1; step <= 20; step++) {
    clock.nowMs += 100;
    journal.progress({ step, stepsTotal: 20, lossTrain: 1 / step });
  }
  await journal.say("info", "Done");

  expect(await messages()).toEqual([
    "Training",
    "training 1/20, loss 1.000",
    "training 6/20, loss 0.167",
    "training 11/20, loss 0.091",
    "training 16/20, loss 0.063",
    "training 20/20, loss 0.050",
    "Done",
  ]);
  expect((await stored())?.progress).toMatchObject({ phase: "training", step: 20 });
});

test("progress() tells every figure that it has", async () => {
  const { journal, messages } = await openJournal();
  journal.progress({ step: 2, stepsTotal: 2, lossTrain: 1, lossValid: 1.5, tokensPerSecond: 99.6, leftMs: 1200 });
  await journal.say("info", "Done");

  expect((await messages())[0]).toBe("queued 2/2, loss 1.000, held-out loss 1.500, 100 tokens/s, 2 s left");
});

test("end() stores state, verdict and time, and returns the run", async () => {
  const { journal, stored, learning } = await openJournal();

  const run = await journal.end("failed", "It failed", { error: { code: "C", message: "m", hint: "h" } });

  expect(run).toMatchObject({ state: "failed", verdict: "It failed", endedAtMs: 10_000, error: { code: "C" } });
  expect(await stored()).toEqual(run);
  expect(await learning.listRunEvents("run-1", 0, 10)).toMatchObject([{ level: "error", message: "It failed" }]);
});

test("progress() that cannot be written does not end the run", async () => {
  const { journal, breakStore, stored } = await openJournal();
  breakStore(true);
  journal.progress({ step: 1, stepsTotal: 1 });
  await new Promise((resolve) => setTimeout(resolve, 10));
  breakStore(false);

  await journal.end("activated", "Well");

  expect(await stored()).toMatchObject({ state: "activated" });
});

test("enter() rejects when it cannot be written, and the next write is tried all the same", async () => {
  const { journal, breakStore, stored } = await openJournal();
  breakStore(true);
  await expect(journal.enter("training", "Training")).rejects.toThrow("Disk full");
  breakStore(false);

  await journal.end("failed", "The disk was full");

  expect(await stored()).toMatchObject({ state: "failed" });
});
