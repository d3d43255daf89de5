import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { datasetFolderName, describeDataset, writeDataset, writeSummary } from "#trainer/dataset-files.ts";
import { DatasetWorld } from "./dataset-world.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "reactune-dataset-"));
});
afterEach(() => rm(directory, { recursive: true }));

const built = async () => {
  const world = new DatasetWorld();
  for (let index = 0; index < 20; index++) world.say({ scores: { ana: index % 5 === 0 ? 1 : 5 } });
  world.say({ correction: { by: "ana", text: "Behind the red door." } });
  return world.build();
};
const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8"));

test("writeDataset() writes every row and a manifest with their hashes when the folder is new", async () => {
  const data = await built();
  const folder = join(directory, datasetFolderName(data));

  const dataset = await writeDataset(data, folder);

  expect(folder).toMatch(/training_data_20261121-093005$/);
  expect((await readdir(folder)).sort()).toEqual([
    "manifest.json",
    "negatives.jsonl",
    "pairs.jsonl",
    "train.jsonl",
    "valid.jsonl",
  ]);
  const lines = (await readFile(join(folder, "train.jsonl"), "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual(data.train);
  expect(await readJson(join(folder, "manifest.json"))).toMatchObject({
    version: 1,
    hash: dataset.hash,
    createdAt: "2026-11-21T09:30:05.000Z",
    train: 14,
    valid: 3,
    negatives: 4,
    pairs: 1,
    liked: 16,
    corrected: 1,
    files: [{ file: "train.jsonl", rows: 14, sha256: expect.stringMatching(/^[\da-f]{64}$/) }, {}, {}, {}],
  });
});

test("writeDataset() leaves files that only their owner can read when it has written words of people", async () => {
  await writeDataset(await built(), join(directory, "data"));

  expect((await stat(join(directory, "data"))).mode & 0o077).toBe(0);
  expect((await stat(join(directory, "data", "train.jsonl"))).mode & 0o077).toBe(0);
});

test("describeDataset() gives the same hash for the same rows and another when a row changes", async () => {
  const data = await built();
  const [first, ...others] = data.train;
  if (first === undefined) throw new TypeError("Cannot test: no row was built");

  expect(describeDataset({ ...data, createdAtMs: 0 }).hash).toBe(describeDataset(data).hash);
  expect(describeDataset({ ...data, train: [{ ...first, target: "other" }, ...others] }).hash).not.toBe(
    describeDataset(data).hash,
  );
});

test("describeDataset() names the turns and none of their words", async () => {
  const dataset = describeDataset(await built());

  expect(dataset.sourceTurnIds).toHaveLength(21);
  expect(JSON.stringify(dataset)).not.toContain("folder");
});

test("writeSummary() says how many rows each filter dropped and why", async () => {
  const world = new DatasetWorld();
  world.say({ scores: { ana: 5 } });
  world.say({ scores: { ana: 3 } });
  const data = await world.build();

  const path = await writeSummary(data, describeDataset(data), directory);

  expect(path).toBe(join(directory, "fine_tuning_summary_20261121-093005.json"));
  expect(await readJson(path)).toMatchObject({
    examples: 1,
    droppedTotal: 1,
    dropped: [{ filter: "undecided", rows: 1, why: "its scores neither like nor dislike the reply" }],
    notes: ["nothing was held out: 1 rows are fewer than 10"],
  });
});
