import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { PromptMessage } from "#inference/inference-engine.ts";
import type { PromptEncoder } from "#inference/prompt-encoder.ts";
import { writeDurably } from "./dataset-files.ts";
import { toLines } from "./run-files.ts";

/** A prompt and a reply in words, on their way to the trainer. */
export interface WordRow {
  readonly id: string;
  readonly messages: readonly PromptMessage[];
  readonly target: string;
  readonly weight?: number;
}

export interface WordPair {
  readonly id: string;
  readonly messages: readonly PromptMessage[];
  readonly liked: string;
  readonly disliked: string;
}

/** Every so many rows other work gets its turn. */
const ROWS_PER_BREATH = 50;

/** Writes rows as the tokens that the engine itself would see. Returns the path. */
export async function encodeRows(
  encoder: PromptEncoder,
  directory: string,
  name: string,
  rows: readonly WordRow[],
): Promise<string> {
  return encodeLines(directory, name, rows, (row) => ({
    id: row.id,
    prompt: encoder.encodePrompt(row.messages),
    target: encoder.encodeReply(row.target),
    weight: row.weight ?? 1,
  }));
}

export async function encodePairs(
  encoder: PromptEncoder,
  directory: string,
  name: string,
  pairs: readonly WordPair[],
): Promise<string> {
  return encodeLines(directory, name, pairs, (pair) => ({
    id: pair.id,
    prompt: encoder.encodePrompt(pair.messages),
    liked: encoder.encodeReply(pair.liked),
    disliked: encoder.encodeReply(pair.disliked),
  }));
}

export async function encodeParity(
  encoder: PromptEncoder,
  directory: string,
  name: string,
  rows: readonly WordRow[],
): Promise<string> {
  return encodeLines(directory, name, rows, (row) => ({
    id: row.id,
    prompt: encoder.encodePrompt(row.messages),
    generated: encoder.encodeReply(row.target),
  }));
}

async function encodeLines<Row>(
  directory: string,
  name: string,
  rows: readonly Row[],
  encode: (row: Row) => object,
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const encoded: object[] = [];
  for (const [index, row] of rows.entries()) {
    encoded.push(encode(row));
    if (index % ROWS_PER_BREATH === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const path = join(directory, `${name}.jsonl`);
  await writeDurably(path, toLines(encoded));
  return path;
}
