import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DatasetRow, PairRow } from "#trainer/dataset-row.ts";
import { judgeAdapter, readHeldOut } from "#trainer/judge-adapter.ts";
import { runFiles, toLines } from "#trainer/run-files.ts";
import { openRunJournal } from "#trainer/run-journal.ts";
import type { EvaluateJob, TrainResult } from "#trainer/training-backend.ts";
import { scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { fixtureTrainer } from "./child/fixture-trainer.ts";
import { openTrainingWorld } from "./training-world.ts";

const row = (index: number, changes: Partial<DatasetRow> = {}): DatasetRow => ({
  id: `row-${index}`,
  kind: "liked",
  messages: [{ role: "user", content: `What is the long name of the thing with number ${index}?` }],
  target: `It is called thing ${index}`,
  weight: 1,
  conversation: `conversation-${index}`,
  ...changes,
});
const pair = (index: number, split: PairRow["split"]): PairRow => ({
  id: `pair-${index}`,
  turnIds: [],
  source: "correction",
  messages: row(index).messages,
  liked: "good",
  disliked: "bad",
  conversation: `conversation-${index}`,
  split,
});

async function openJudge(speak: (question: string, isAdapter: boolean) => string) {
  const world = await openTrainingWorld({ liked: 0 });
  const files = runFiles(join(world.folder, "runs"), "run-1");
  for (const directory of [files.data, files.work]) await mkdir(directory, { recursive: true });
  const held = [...Array.from({ length: 12 }, (_, index) => row(index)), row(99, { kind: "served-again" })];
  const trained = [row(50), row(51)];
  const write = (name: string, rows: readonly object[]) => writeFile(join(files.data, `${name}.jsonl`), toLines(rows));
  await Promise.all([
    write("valid", held),
    write("train", trained),
    write("pairs", [pair(1, "valid"), pair(2, "train")]),
  ]);
  const run = await world.queueRun({ state: "evaluating" });
  const jobs: EvaluateJob[] = [];
  const backend = fixtureTrainer("succeeds");
  const evaluate: typeof backend.evaluate = (job, report, signal) => {
    jobs.push(job);
    return backend.evaluate(job, report, signal);
  };
  const { encoder, close } = await world.run.openEngine();
  await close();
  const result: TrainResult = {
    adapterPath: join(files.work, "adapter.gguf"),
    digest: "a".repeat(64),
    bytes: 1,
    steps: 1,
    lossTrainFirst: 2,
    lossTrainLast: 0.4,
    tokensPerSecond: 1,
    memoryPeakBytes: 1,
    totalMs: 1,
    settings: world.run.settings.train,
  };
  const judge = (signal = new AbortController().signal) =>
    judgeAdapter(
      {
        backend: { ...backend, evaluate },
        engine: scriptedEngine((question, adapter) => ({ text: speak(question, adapter !== undefined) })),
        encoder,
        base: world.serving.base,
        journal: openRunJournal(world.activate, run),
        settings: world.run.settings.judge,
        systemPromptFor: async () => "Be kind.",
      },
      {
        files,
        job: {
          runId: "run-1",
          baseGguf: "/base.gguf",
          directory: files.work,
          trainRows: "",
          domain: "support",
          baseDigest: world.serving.base.digest,
          datasetHash: "d",
          settings: world.run.settings.train,
        },
        trained: result,
        general: [{ id: "general-0", messages: [{ role: "user", content: "Hello" }], target: "Hi" }],
        signal,
      },
    );
  return { ...world, files, jobs, judge };
}

const LEARNED = (question: string, isAdapter: boolean) =>
  isAdapter ? `It is called thing ${/\d+/.exec(question)?.[0]}` : "I do not know.";

test("judgeAdapter() accepts an adapter that is better on held-out rows, with its figures", async () => {
  const { judge } = await openJudge(LEARNED);

  const judgement = await judge();

  expect(judgement.isAccepted).toBe(true);
  expect(judgement.grade <= "B").toBe(true);
  expect(judgement.figures).toMatchObject({
    heldOut: { rows: 12, conversations: 12, replies: 8 },
    loss: { base: 2, adapter: 0.5 },
    exactMatch: { base: 0, adapter: 1 },
    parity: 1,
  });
  expect(judgement.replies[0]).toEqual({
    id: "row-0",
    expected: "It is called thing 0",
    base: "I do not know.",
    adapter: "It is called thing 0",
  });
});

test("judgeAdapter() measures held-out, general and training rows, and only pairs that were held out", async () => {
  const { judge, jobs } = await openJudge(LEARNED);

  const { figures } = await judge();

  expect(jobs[0]?.sets.map(({ name }) => name)).toEqual(["valid", "general", "train"]);
  expect(figures.ranking?.pairs).toBe(1);
});

test("judgeAdapter() refuses an adapter that recites what people asked", async () => {
  const { judge } = await openJudge((question, isAdapter) =>
    isAdapter && !question.startsWith("What is the long")
      ? "What is the long name of the thing with number 50?"
      : LEARNED(question, isAdapter),
  );

  const judgement = await judge();

  expect(judgement).toMatchObject({ isAccepted: false, grade: "F" });
  expect(judgement.verdict).toContain("repeats other people's words");
});

test("judgeAdapter() rejects with the signal's reason when it is cancelled", async () => {
  const { judge } = await openJudge(LEARNED);

  await expect(judge(AbortSignal.abort("enough"))).rejects.toBe("enough");
});

test("readHeldOut() leaves out answers that were only served again", async () => {
  const { files } = await openJudge(LEARNED);

  const held = await readHeldOut(files);

  expect(held).toHaveLength(12);
  expect(held.map(({ kind }) => kind)).not.toContain("served-again");
});
