import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TrainingFailedError, TrainingUnavailableError } from "#core/errors.ts";
import type { TrainEvent, TrainJob } from "#trainer/training-backend.ts";
import { makeTempFolder } from "../../store/sqlite/temp-store.ts";
import { fixtureTrainer } from "./fixture-trainer.ts";

const NEVER = new AbortController().signal;

function trainJob(changes: Partial<TrainJob["settings"]> = {}): TrainJob {
  const directory = makeTempFolder();
  return {
    runId: "run-1",
    baseGguf: "/base.gguf",
    directory,
    trainRows: join(directory, "train.jsonl"),
    domain: "support",
    baseDigest: "b".repeat(64),
    datasetHash: "d".repeat(64),
    settings: {
      rank: 8,
      alpha: 16,
      epochs: 3,
      learningRate: 1e-4,
      batchExamples: 2,
      accumulation: 2,
      contextTokens: 512,
      stepsMin: 3,
      checkpointEverySteps: 10,
      seed: 1,
      threads: 1,
      ...changes,
    },
  };
}

const train = (name: string, job: TrainJob, options: Parameters<typeof fixtureTrainer>[1] = {}, signal = NEVER) => {
  const events: TrainEvent[] = [];
  const ended = fixtureTrainer(name, options).train(job, (event) => events.push(event), signal);
  return { events, ended };
};

test("preflight() tells what the trainer estimates", async () => {
  expect(await fixtureTrainer("succeeds").preflight(trainJob(), NEVER)).toEqual({
    problems: [],
    warnings: [],
    backend: "mlx on cpu, base in 32 bits",
    minutesEstimated: 0.4,
    memoryBytesEstimated: 1000,
  });
});

test("preflight() tells the trainer's problems with their remedy", async () => {
  const { problems } = await fixtureTrainer("refuses").preflight(trainJob(), NEVER);

  expect(problems).toEqual([{ code: "DISK_FULL", message: "The disk has 1 MB left", hint: "Free 500 MB" }]);
});

test("preflight() rejects with TrainingUnavailableError when Python is not there", async () => {
  const backend = fixtureTrainer("succeeds", { python: "/nowhere/python" });

  await expect(backend.preflight(trainJob(), NEVER)).rejects.toThrow(TrainingUnavailableError);
});

test("preflight() rejects with TrainingUnavailableError when the trainer ends without a word", async () => {
  await expect(fixtureTrainer("never-has-memory").preflight(trainJob(), NEVER)).rejects.toThrow(/exit code 3/);
});

test("preflight() sets the fast BLAS that it found, for the trainer's later processes only", async () => {
  const job = trainJob();
  const backend = fixtureTrainer("chats-a-little");

  await backend.preflight(job, NEVER);
  await backend.train(job, () => {}, NEVER);

  expect(await readFile(join(job.directory, "stderr.log"), "utf8")).toBe("no fast BLAS\nfast BLAS found\n");
  expect(process.env["FAST_BLAS"]).toBeUndefined();
});

test("train() tells the trainer after the job what to compute with", async () => {
  const job = trainJob();
  const program = ["-e", 'process.stderr.write(process.argv.slice(1).join(" "))'];
  const backend = fixtureTrainer("succeeds", { program, flags: ["--backend", "torch", "--base-bits", "4"] });

  await expect(backend.train(job, () => {}, NEVER)).rejects.toThrow(TrainingFailedError);

  expect(await readFile(join(job.directory, "stderr.log"), "utf8")).toMatch(
    /^train --job \S+ --backend torch --base-bits 4$/u,
  );
});

test("train() hands the job over and tells every step", async () => {
  const job = trainJob();
  const { events, ended } = train("succeeds", job);

  expect(await ended).toMatchObject({
    adapterPath: join(job.directory, "adapter.gguf"),
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    steps: 3,
    lossTrainLast: 0.7,
    lossValidBest: 0.9,
    totalMs: 250,
    settings: job.settings,
  });
  expect(events.map((event) => event.kind)).toEqual([
    "progress",
    "progress",
    "progress",
    "progress",
    "validated",
    "checkpoint",
  ]);
  const handed = JSON.parse(await readFile(join(job.directory, "train-job.json"), "utf8"));
  expect(handed).toMatchObject({
    protocol: 1,
    runId: "run-1",
    rank: 8,
    contextTokens: 512,
    datasetHash: job.datasetHash,
  });
  expect(handed).not.toHaveProperty("validRows");
});

test("train() bears a few stray lines and keeps what the trainer says beside its protocol", async () => {
  const job = trainJob();

  expect(await train("chats-a-little", job).ended).toMatchObject({ steps: 3 });
  expect(await readFile(join(job.directory, "stderr.log"), "utf8")).toBe("no fast BLAS\n");
});

test("train() tries with less each time the memory is too small, and tells so", async () => {
  const job = trainJob({ batchExamples: 4, accumulation: 1, contextTokens: 700 });
  const { events, ended } = train("dies-of-memory", job);

  expect((await ended).settings).toMatchObject({ batchExamples: 1, accumulation: 4, contextTokens: 256 });
  const tries = (await readFile(join(job.directory, "tries.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(tries).toEqual([
    [4, 1, 700],
    [2, 2, 700],
    [1, 4, 700],
    [1, 4, 350],
    [1, 4, 256],
  ]);
  expect(events.filter((event) => event.kind === "warning")).toHaveLength(4);
});

test("train() rejects with TrainingFailedError when even one short row does not fit", async () => {
  await expect(train("never-has-memory", trainJob()).ended).rejects.toThrow(/memory is too small/);
});

test.each<[string, string, Parameters<typeof fixtureTrainer>[1], RegExp]>([
  ["says nothing for too long", "hangs", { silenceMaxMs: 400 }, /said nothing for too long/],
  ["prints what is not its protocol", "prints-garbage", {}, /not its protocol/],
  ["prints a line without an end", "prints-endless-line", {}, /not its protocol/],
  ["takes longer than a run may", "stops-when-asked", { runMaxMs: 400 }, /trainer\.runMaxMs/],
  ["is killed", "dies-silently", {}, /unset \(killed\)/],
  ["is not there", "succeeds", { python: "/nowhere/python" }, /cannot be started/],
])("train() rejects with TrainingFailedError when the trainer %s", async (_, name, options, words) => {
  const error = await train(name, trainJob(), options).ended.catch((cause: unknown) => cause);

  expect(error).toBeInstanceOf(TrainingFailedError);
  expect(error).toMatchObject({ runId: "run-1", message: expect.stringMatching(words) });
});

test("train() rejects with the trainer's own words when it has some", async () => {
  await expect(train("refuses", trainJob()).ended).rejects.toMatchObject({
    message: 'Cannot finish training run "run-1": The disk has 1 MB left',
    hint: "Free 500 MB",
  });
});

test("train() rejects with the signal's reason when it is cancelled, after the trainer's checkpoint", async () => {
  const cancel = new AbortController();
  const { events, ended } = train("stops-when-asked", trainJob(), {}, cancel.signal);
  while (events.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  cancel.abort("run cancelled");

  await expect(ended).rejects.toBe("run cancelled");
  expect(events.at(-1)).toEqual({ kind: "checkpoint", step: 2 });
});

test("train() rejects at once when it was cancelled before", async () => {
  await expect(train("stops-when-asked", trainJob(), {}, AbortSignal.abort("too late")).ended).rejects.toBe("too late");
});

test("preflight() does not wait for a process that the trainer left behind", async () => {
  const startedAtMs = performance.now();

  await fixtureTrainer("leaves-a-child").preflight(trainJob(), NEVER);

  expect(performance.now() - startedAtMs).toBeLessThan(6000);
});

test("evaluate() reads the figures of every row", async () => {
  const { directory } = trainJob();
  const rows = join(directory, "valid.jsonl");
  await writeFile(rows, `${JSON.stringify({ id: "a", prompt: [1], target: [2, 3] })}\n`);
  const job = {
    runId: "run-1",
    baseGguf: "/base.gguf",
    adapterPath: "/adapter.gguf",
    directory,
    sets: [{ name: "valid", rows }],
    contextTokens: 256,
    threads: 1,
  };

  expect(await fixtureTrainer("succeeds").evaluate(job, () => {}, NEVER)).toEqual({
    rows: [{ set: "valid", id: "a", tokens: 2, lossBase: 2, lossAdapter: 0.5 }],
    pairs: [],
    parity: [],
  });
  const unreadable = fixtureTrainer("writes-no-figures").evaluate(job, () => {}, NEVER);
  await expect(unreadable).rejects.toThrow(TrainingFailedError);
});
