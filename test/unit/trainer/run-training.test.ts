import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { StoreUnreachableError, TrainingFailedError, TrainingUnavailableError } from "#core/errors.ts";
import { CANCELLED } from "#trainer/end-run.ts";
import { runFiles } from "#trainer/run-files.ts";
import { runTraining } from "#trainer/run-training.ts";
import type { TrainingBackend } from "#trainer/training-backend.ts";
import { fixtureTrainer } from "./child/fixture-trainer.ts";
import { openTrainingWorld } from "./training-world.ts";

type World = Awaited<ReturnType<typeof openTrainingWorld>>;

/** Folders that hold words of people. */
function wordsLeft(world: World): readonly string[] {
  const { data, tokens, work, replies } = runFiles(world.run.settings.runsDirectory, "run-1");
  return [data, tokens, work, replies].filter((path) => existsSync(path));
}

/** The successes of the fixture, counted, with one call in their place. */
function countingBackend(changes: Partial<TrainingBackend> = {}) {
  const calls: string[] = [];
  const real = fixtureTrainer("succeeds");
  const counted = (call: keyof TrainingBackend) => {
    calls.push(call);
    return { ...real, ...changes };
  };
  const backend: TrainingBackend = {
    preflight: (...given) => counted("preflight").preflight(...given),
    train: (...given) => counted("train").train(...given),
    evaluate: (...given) => counted("evaluate").evaluate(...given),
  };
  return { backend, calls };
}

test("runTraining() takes a run from words to an adapter that may go into service", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();

  const run = await world.train();

  expect(run).toMatchObject({ state: "activating", attempts: 1, verdict: expect.stringMatching(/^Grade [ABC]/) });
  expect(await world.store.learning.findRun("run-1")).toEqual(run);
  const digest = run.adapterDigest ?? "";
  expect(await world.files.open(digest)).toMatchObject({ digest });
  expect(await world.store.learning.findAdapter(digest)).toMatchObject({
    name: `reactune-support-20261121-${digest.slice(0, 8)}`,
    state: "candidate",
    scope: world.scope,
    runId: "run-1",
    datasetHash: run.datasetHash,
    grade: run.grade,
  });
  const messages = (await world.messages()).join("\n");
  for (const words of [
    "Collecting",
    "Data set: 2",
    "of rank 8 with mlx on cpu, base in 32 bits (about 1 min)",
    "Comparing",
  ])
    expect(messages).toContain(words);
  expect(messages).toMatch(/training 3\/3, loss 0\.667/);
});

test("runTraining() leaves figures and no words of people behind", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();

  await world.train();

  expect(wordsLeft(world)).toEqual([]);
  const left = join(world.run.settings.runsDirectory, "run-1");
  const names = await readdir(left);
  expect(names).toContain("report.json");
  for (const name of names) expect(await readFile(join(left, name), "utf8")).not.toMatch(/form lie|Where do I find/);
});

test("runTraining() rejects, and the run goes on later, when the store went away meanwhile", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();
  const learning = {
    ...world.store.learning,
    saveDataset: () => Promise.reject(new StoreUnreachableError("db:27017")),
  };

  await expect(world.train(undefined, { learning })).rejects.toThrow(StoreUnreachableError);

  expect((await world.store.learning.findRun("run-1"))?.state).toBe("collecting");
  expect(await world.train()).toMatchObject({ state: "activating", attempts: 2 });
});

test("runTraining() rejects the adapter with the reason when it is worse than the base", async () => {
  const world = await openTrainingWorld({ trainer: "gets-worse" });
  await world.queueRun();

  const run = await world.train();

  expect(run).toMatchObject({ state: "rejected", grade: "E", verdict: expect.stringContaining("less likely") });
  expect(run.endedAtMs).toBeDefined();
  expect(await world.store.learning.findAdapter(run.adapterDigest ?? "")).toMatchObject({ state: "rejected" });
  expect(wordsLeft(world)).toEqual([]);
});

test("runTraining() rejects when the run is not in the store", async () => {
  const world = await openTrainingWorld();

  await expect(world.train()).rejects.toThrow(TrainingUnavailableError);
});

test("runTraining() fails for good with what each filter left out when no example is left", async () => {
  const world = await openTrainingWorld();
  await world.store.people.putChoice({ workspaceId: "local:home", userId: "ana", learns: false, changedAtMs: 1 });
  await world.queueRun();

  const run = await world.train();

  expect(run).toMatchObject({ state: "failed", error: { code: "TRAINING_UNAVAILABLE" } });
  expect(run.error?.message).toMatch(/no example is left in domain "support" \(30 /);
  expect(wordsLeft(world)).toEqual([]);
});

test("runTraining() ends as cancelled and reads nothing when the workspace took its permission back", async () => {
  const world = await openTrainingWorld({ workspaceId: "slack:T1" });
  await world.queueRun();

  const run = await world.train();

  expect(run).toMatchObject({ state: "cancelled", verdict: expect.stringContaining("no longer allows training") });
  expect(run.datasetHash).toBeUndefined();
  expect(wordsLeft(world)).toEqual([]);
});

test.each<[string, string, string]>([
  ["Python is missing", "succeeds", "Python cannot be started"],
  ["the disk is full", "refuses", "The disk has 1 MB left"],
])("runTraining() fails for good before it trains when %s", async (_, trainer, words) => {
  const options = trainer === "succeeds" ? { python: "/nowhere/python" } : {};
  const world = await openTrainingWorld({ backend: fixtureTrainer(trainer, options) });
  await world.queueRun();

  const run = await world.train();

  expect(run).toMatchObject({ state: "failed", attempts: 1, error: { message: expect.stringContaining(words) } });
  expect(await world.messages()).not.toContainEqual(expect.stringContaining("Training a LoRA"));
});

test("runTraining() fails for good when the base model's file is not on this machine", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();
  const { path: _, ...base } = world.serving.base;
  const openEngine = async () => ({ ...(await world.run.openEngine()), base });

  expect(await world.train(undefined, { openEngine })).toMatchObject({
    state: "failed",
    error: { message: expect.stringContaining("not on this machine") },
  });
});

test.each(["hangs", "prints-garbage", "dies-silently", "writes-no-figures"])(
  "runTraining() is tried again while attempts are left and then fails when the trainer %s",
  async (trainer) => {
    const backend = fixtureTrainer(trainer, trainer === "hangs" ? { silenceMaxMs: 2500 } : {});
    const world = await openTrainingWorld({ backend, attemptsMax: 2 });
    await world.queueRun();

    await expect(world.train()).rejects.toThrow(TrainingFailedError);
    expect((await world.store.learning.findRun("run-1"))?.endedAtMs).toBeUndefined();
    expect(wordsLeft(world)).not.toEqual([]);

    const run = await world.train();
    expect(run).toMatchObject({ state: "failed", attempts: 2, error: { code: "TRAINING_FAILED" } });
    expect(await world.messages()).toContainEqual(expect.stringContaining("trying again from the last checkpoint"));
    expect(wordsLeft(world)).toEqual([]);
  },
);

test("runTraining() goes on in the same folder when the trainer died once", async () => {
  const world = await openTrainingWorld({ trainer: "dies-once" });
  await world.queueRun();
  await expect(world.train()).rejects.toThrow(TrainingFailedError);

  expect(await world.train()).toMatchObject({ state: "activating", attempts: 2 });
});

test("runTraining() tells that it tries with less when the memory is too small", async () => {
  const world = await openTrainingWorld({ trainer: "dies-of-memory" });
  await world.queueRun();

  // The fixture trains, and then knows no evaluation: the settings of the ladder are what this is about.
  await world.train().catch(() => {});

  expect(await world.messages()).toContainEqual("Out of memory with 2 rows of 512 tokens a pass: trying less");
});

test("runTraining() ends as cancelled with nothing changed when the operator cancels", async () => {
  const world = await openTrainingWorld({ trainer: "stops-when-asked" });
  await world.queueRun();
  const cancel = new AbortController();
  const training = world.train(cancel.signal);
  while ((await world.store.learning.findRun("run-1"))?.state !== "training")
    await new Promise((r) => setTimeout(r, 20));
  cancel.abort(CANCELLED);

  expect(await training).toMatchObject({ state: "cancelled" });
  expect(await world.store.learning.listServices()).toEqual([]);
  expect(await world.store.learning.listAdapters()).toEqual([]);
  expect(wordsLeft(world)).toEqual([]);
});

test("runTraining() rejects and keeps everything to go on when the program shuts down", async () => {
  const world = await openTrainingWorld({ trainer: "stops-when-asked" });
  await world.queueRun();
  const stop = new AbortController();
  const training = world.train(stop.signal);
  while ((await world.store.learning.findRun("run-1"))?.state !== "training")
    await new Promise((r) => setTimeout(r, 20));
  stop.abort(new Error("The program is shutting down"));

  await expect(training).rejects.toThrow("shutting down");
  expect((await world.store.learning.findRun("run-1"))?.state).toBe("training");
  expect(wordsLeft(world)).not.toEqual([]);
  expect(await world.train(undefined, { backend: fixtureTrainer("succeeds") })).toMatchObject({ state: "activating" });
});

/** A kill, as the stages see it: the process is gone in the middle of one. */
const KILL = new Error("kill -9");

test("runTraining() trains on the rows it collected first when it was killed in preflight", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();
  const { backend } = countingBackend({ preflight: () => Promise.reject(KILL) });
  await expect(world.train(undefined, { backend })).rejects.toBe(KILL);
  const before = await world.store.learning.findRun("run-1");
  for (let index = 0; index < 5; index++) world.people.say({ scores: { ana: 5 } });
  await world.people.saveTo(world.store);

  const run = await world.train();

  expect(run).toMatchObject({ state: "activating", datasetHash: before?.datasetHash });
});

test("runTraining() does not train again when it was killed in the evaluation", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();
  const first = countingBackend({ evaluate: () => Promise.reject(KILL) });
  await expect(world.train(undefined, { backend: first.backend })).rejects.toBe(KILL);
  const second = countingBackend();

  expect(await world.train(undefined, { backend: second.backend })).toMatchObject({ state: "activating" });
  expect([...first.calls, ...second.calls].filter((call) => call === "train")).toHaveLength(1);
});

test("runTraining() ends well when it was killed between the adapter's record and the run's", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();
  const learning = {
    ...world.store.learning,
    async saveAdapter(...given: Parameters<typeof world.store.learning.saveAdapter>) {
      await world.store.learning.saveAdapter(...given);
      throw KILL;
    },
  };
  await expect(world.train(undefined, { learning })).rejects.toBe(KILL);
  const [adapter] = await world.store.learning.listAdapters();
  world.clock.nowMs += 86_400_000;

  expect(await world.train()).toMatchObject({ state: "activating", adapterDigest: adapter?.digest });
  expect(await world.store.learning.listAdapters()).toEqual([adapter]);
});

test("runTraining() forgets the words after all when a kill came before it could", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();
  const { backend } = countingBackend({ evaluate: () => Promise.reject(KILL) });
  await expect(world.train(undefined, { backend })).rejects.toBe(KILL);
  const run = await world.store.learning.findRun("run-1");
  if (run === undefined) throw new Error("There is no run");
  await world.store.learning.saveRun({ ...run, state: "activating" });
  expect(wordsLeft(world)).not.toEqual([]);

  expect(await world.train()).toMatchObject({ state: "activating" });
  expect(wordsLeft(world)).toEqual([]);
});

test("runTraining() gives a second run on the same words the adapter that it made before", async () => {
  const world = await openTrainingWorld();
  await world.queueRun();
  const first = await world.train();
  await world.queueRun({ id: "run-2" });

  const second = await runTraining(world.run, "run-2", new AbortController().signal);

  expect(second.adapterDigest).toBe(first.adapterDigest);
  expect(second.state).toBe("activating");
});

test("runTraining() refuses an adapter whose bytes are not what the trainer told", async () => {
  const { backend } = countingBackend();
  const lying: TrainingBackend = {
    ...backend,
    async train(...given) {
      return { ...(await backend.train(...given)), digest: "0".repeat(64) };
    },
  };
  const world = await openTrainingWorld({ backend: lying, attemptsMax: 1 });
  await world.queueRun();

  expect(await world.train()).toMatchObject({
    state: "failed",
    error: { message: expect.stringContaining("changed after training") },
  });
  expect(await world.store.learning.listAdapters()).toEqual([]);
});
