import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PromptEncoder } from "#inference/prompt-encoder.ts";
import { encodePairs, encodeParity, encodeRows } from "#trainer/encode-rows.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";

/** A token per letter; a reply ends with 0. */
const ENCODER: PromptEncoder = {
  contextTokens: 100,
  encodePrompt: (messages) => messages.flatMap(({ content }) => Array.from(content, (letter) => letter.charCodeAt(0))),
  encodeReply: (text) => [...Array.from(text, (letter) => letter.charCodeAt(0)), 0],
};
const MESSAGES = [{ role: "user", content: "AB" }] as const;

async function linesOf(path: string): Promise<readonly unknown[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

test("encodeRows() writes what the engine itself would see, with weight 1 where none is given", async () => {
  const directory = join(makeTempFolder(), "not", "there", "yet");

  const path = await encodeRows(ENCODER, directory, "train", [
    { id: "a", messages: MESSAGES, target: "C", weight: 0.4 },
    { id: "b", messages: MESSAGES, target: "D" },
  ]);

  expect(path).toBe(join(directory, "train.jsonl"));
  expect(await linesOf(path)).toEqual([
    { id: "a", prompt: [65, 66], target: [67, 0], weight: 0.4 },
    { id: "b", prompt: [65, 66], target: [68, 0], weight: 1 },
  ]);
});

test("encodePairs() writes both replies, encodeParity() what was generated", async () => {
  const directory = makeTempFolder();
  const pair = { id: "a", messages: MESSAGES, liked: "C", disliked: "D" };

  expect(await linesOf(await encodePairs(ENCODER, directory, "pairs", [pair]))).toEqual([
    { id: "a", prompt: [65, 66], liked: [67, 0], disliked: [68, 0] },
  ]);
  expect(
    await linesOf(await encodeParity(ENCODER, directory, "parity", [{ id: "a", messages: MESSAGES, target: "E" }])),
  ).toEqual([{ id: "a", prompt: [65, 66], generated: [69, 0] }]);
});

test("encodeRows() lets other work go first now and then when there are many rows", async () => {
  const rows = Array.from({ length: 500 }, (_, index) => ({ id: `${index}`, messages: MESSAGES, target: "C" }));
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);

  const path = await encodeRows(ENCODER, makeTempFolder(), "many", rows);
  isDone = true;

  expect(await linesOf(path)).toHaveLength(500);
  expect(turns).toBeGreaterThanOrEqual(10);
});

test("encodeRows() rejects when the folder cannot be made", async () => {
  await expect(encodeRows(ENCODER, "/dev/null/x", "train", [])).rejects.toThrow(/ENOTDIR|EEXIST|ENOENT/);
});
