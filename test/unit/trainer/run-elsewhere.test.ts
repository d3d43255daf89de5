import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DATASET_FILES } from "#store/file-store.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { CANCELLED } from "#trainer/end-run.ts";
import { runFiles } from "#trainer/run-files.ts";
import { tendRuns } from "#trainer/tend-runs.ts";
import { fixtureTrainer } from "./child/fixture-trainer.ts";
import { openTrainingWorld } from "./training-world.ts";

const KILL = new Error("kill -9");

/** A run that one machine collected, and was killed; the other has folders of its own. What both reach is `datasets`. */
async function openMachines() {
  const world = await openTrainingWorld();
  await world.queueRun();
  const folder = join(world.folder, "datasets");
  const datasets = await openFileStore(folder, Date.now, DATASET_FILES);
  const runsDirectory = join(world.folder, "runs-of-another-machine");
  const backend = { ...fixtureTrainer("succeeds"), preflight: () => Promise.reject(KILL) };
  await expect(world.train(undefined, { datasets, backend })).rejects.toBe(KILL);
  const before = await world.store.learning.findRun("run-1");
  for (let index = 0; index < 5; index++) world.people.say({ scores: { ana: 5 } });
  await world.people.saveTo(world.store);
  return {
    world,
    datasets,
    before,
    pathOfFile: join(folder, `${before?.datasetFile}.json`),
    goOnElsewhere: (signal?: AbortSignal) =>
      world.train(signal, { datasets, settings: { ...world.run.settings, runsDirectory } }),
    wordsElsewhere: () => existsSync(runFiles(runsDirectory, "run-1").data),
  };
}

test("runTraining() goes on elsewhere with the rows that another machine collected", async () => {
  const { world, datasets, before, goOnElsewhere, wordsElsewhere } = await openMachines();
  expect(await datasets.list()).toEqual([before?.datasetFile]);

  const run = await goOnElsewhere();

  expect(run).toMatchObject({ state: "activating", datasetHash: before?.datasetHash });
  expect((await world.messages()).filter((message) => message.startsWith("Data set:"))).toHaveLength(1);
  expect(await datasets.list()).toEqual([]);
  expect(wordsElsewhere()).toBe(false);
});

test("runTraining() refuses a data set that was changed on the way, says so and collects anew", async () => {
  const { world, datasets, before, pathOfFile, goOnElsewhere } = await openMachines();
  writeFileSync(pathOfFile, readFileSync(pathOfFile, "utf8").replace("liked", "likeD"));

  const run = await goOnElsewhere();

  expect(run.state).toBe("activating");
  expect(run.datasetHash).not.toBe(before?.datasetHash);
  expect((await world.messages()).join("\n")).toMatch(/Cannot train on data set .* changed.*; collecting it anew/u);
  expect(await datasets.list()).toEqual([]);
});

test("runTraining() collects anew when the data set never reached the store", async () => {
  const { datasets, before, goOnElsewhere } = await openMachines();
  await datasets.remove(before?.datasetFile ?? "");

  const run = await goOnElsewhere();

  expect(run.state).toBe("activating");
  expect(run.datasetHash).not.toBe(before?.datasetHash);
});

test("runTraining() takes the data set out of the store when the run is cancelled", async () => {
  const { datasets, goOnElsewhere } = await openMachines();
  const cancel = new AbortController();
  cancel.abort(CANCELLED);

  expect(await goOnElsewhere(cancel.signal)).toMatchObject({ state: "cancelled" });
  expect(await datasets.list()).toEqual([]);
});

test("tendRuns() removes the data sets of runs that have ended, and only those", async () => {
  const { world, datasets, before } = await openMachines();
  const { learning } = world.store;
  const parts = { ...world.request, runsDirectory: world.run.settings.runsDirectory, datasets };
  await tendRuns(parts);
  expect(await datasets.list()).toEqual([before?.datasetFile]);

  if (before === undefined) throw new Error("the run is not there");
  await learning.saveRun({ ...before, state: "failed", endedAtMs: 1 });
  await tendRuns(parts);

  expect(await datasets.list()).toEqual([]);
});
