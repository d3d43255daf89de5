import { createHash } from "node:crypto";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "#core/learning.ts";
import type { BuiltDataset } from "./dataset-row.ts";

/** What `writeDataset` writes, in its order: the manifest is last. */
export const DATASET_FILE_NAMES = [
  "train.jsonl",
  "valid.jsonl",
  "negatives.jsonl",
  "pairs.jsonl",
  "manifest.json",
] as const;

/** `training_data_<timestamp>`: where an export of this data set goes. */
export function datasetFolderName(built: BuiltDataset): string {
  return `training_data_${timestampOf(built.createdAtMs)}`;
}

/** The record of a data set: ids and counts, none of its words. */
export function describeDataset(built: BuiltDataset): Dataset {
  const rows = [...built.train, ...built.valid];
  const count = (kind: string) => rows.filter((row) => row.kind === kind).length;
  return {
    hash: sha256(jsonLines(built.train) + jsonLines(built.valid)),
    scope: built.scope,
    createdAtMs: built.createdAtMs,
    days: built.days,
    train: built.train.length,
    valid: built.valid.length,
    negatives: built.negatives.length,
    pairs: built.pairs.length,
    liked: count("liked"),
    corrected: count("corrected"),
    servedAgain: count("served-again"),
    dropped: built.dropped,
    sourceTurnIds: built.sourceTurnIds,
  };
}

/**
 * Writes train.jsonl, valid.jsonl, negatives.jsonl, pairs.jsonl and, last, manifest.json: a folder with a manifest is whole.
 * Only the owner may read them. Rejects with the file system's error.
 */
export async function writeDataset(built: BuiltDataset, directory: string): Promise<Dataset> {
  const dataset = describeDataset(built);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = [];
  for (const name of ["train", "valid", "negatives", "pairs"] as const) {
    const content = jsonLines(built[name]);
    await writeDurably(join(directory, `${name}.jsonl`), content);
    files.push({ file: `${name}.jsonl`, rows: built[name].length, sha256: sha256(content) });
  }
  const manifest = {
    version: 1,
    ...withDate(dataset),
    settings: built.settings,
    masked: built.masked,
    notes: built.notes,
    files,
  };
  await writeDurably(join(directory, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return dataset;
}

/** Writes `fine_tuning_summary_<timestamp>.json` for people and scripts, and returns its path. */
export async function writeSummary(built: BuiltDataset, dataset: Dataset, directory: string): Promise<string> {
  const path = join(directory, `fine_tuning_summary_${timestampOf(built.createdAtMs)}.json`);
  const { sourceTurnIds, dropped, ...record } = withDate(dataset);
  const summary = {
    version: 1,
    ...record,
    examples: dataset.liked + dataset.corrected,
    sourceTurns: sourceTurnIds.length,
    droppedTotal: dropped.reduce((sum, item) => sum + item.rows, 0),
    dropped,
    masked: built.masked,
    notes: built.notes,
  };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeDurably(path, `${JSON.stringify(summary, null, 2)}\n`);
  return path;
}

/** Whole or absent, also after a power cut: written beside, synced, renamed. */
export async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.part`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

function withDate({ createdAtMs, ...dataset }: Dataset) {
  return { createdAt: new Date(createdAtMs).toISOString(), ...dataset };
}

function jsonLines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** UTC, `yyyymmdd-hhmmss`. */
function timestampOf(atMs: number): string {
  const [date = "", time = ""] = new Date(atMs).toISOString().slice(0, 19).split("T");
  return `${date.replaceAll("-", "")}-${time.replaceAll(":", "")}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
