import { expect, test } from "vitest";
import { followRun } from "#commands/train.ts";
import type { Run } from "#core/learning.ts";
import { openRunJournal } from "#trainer/run-journal.ts";
import { openTrainingWorld } from "../trainer/training-world.ts";
import { recordingOutput } from "./recording-output.ts";

async function openRun(isTerminal = false) {
  const world = await openTrainingWorld({ liked: 0 });
  const run = await world.queueRun({ startedAtMs: 1_000_000 });
  const journal = openRunJournal({ ...world.activate, now: () => 1_065_000 }, run);
  const recorded = recordingOutput(isTerminal);
  const follow = (options: { isJson?: boolean; signal?: AbortSignal } = {}) =>
    followRun(
      world.store.learning,
      "run-1",
      { isJson: false, signal: new AbortController().signal, ...options },
      recorded.output,
    );
  return { ...world, ...recorded, journal, follow };
}

test("followRun() tells every message once and how the run ended", async () => {
  const { journal, follow, told, printed } = await openRun();
  await journal.enter("training", "Training a LoRA adapter");
  const following = follow();
  await new Promise((resolve) => setTimeout(resolve, 400));
  await journal.say("warning", "Out of memory: trying less");
  const ended = await journal.end("activated", "Grade B: better");

  expect(await following).toEqual(ended);
  expect(told).toEqual(["Training a LoRA adapter", "Out of memory: trying less", "Grade B: better"]);
  expect(printed).toEqual(["✅ In service after 1 min 5 s: Grade B: better"]);
});

test("followRun() draws a bar on a terminal", async () => {
  const { journal, follow, progress, told } = await openRun(true);
  await journal.enter("training", "Training");
  journal.progress({ step: 5, stepsTotal: 10, lossTrain: 1.5, tokensPerSecond: 99.6, leftMs: 65_000 });
  const following = follow();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await journal.end("rejected", "Grade E, not used");
  await following;

  expect(progress[0]).toBe("training ▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░ 5/10 · loss 1.500 · 100 tokens/s · 1 min 5 s left");
  expect(told).toEqual(["Training", "Grade E, not used"]);
});

test.each<[Run["state"], string]>([
  ["rejected", "🟡 Rejected"],
  ["failed", "🔴 failed"],
  ["cancelled", "🔴 cancelled"],
])("followRun() says it when a run was %s", async (state, words) => {
  const { journal, follow, printed } = await openRun();
  await journal.end(state, "Because");

  await follow();

  expect(printed).toEqual([`${words} after 1 min 5 s: Because`]);
});

test("followRun() prints the run as JSON and nothing else for scripts", async () => {
  const { journal, follow, json } = await openRun();
  const ended = await journal.end("activated", "Grade B");

  await follow({ isJson: true });

  expect(json()).toEqual(ended);
});

test("followRun() rejects when it is told to stop, and when there is no such run", async () => {
  const { follow, store, output } = await openRun();

  await expect(follow({ signal: AbortSignal.abort("enough") })).rejects.toBe("enough");
  const options = { isJson: false, signal: new AbortController().signal };
  await expect(followRun(store.learning, "run-2", options, output)).rejects.toThrow(TypeError);
});
