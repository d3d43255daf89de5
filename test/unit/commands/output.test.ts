import { expect, test } from "vitest";
import { describeBytes, describeDuration, drawBar, printJson } from "#commands/output.ts";
import { recordingOutput } from "./recording-output.ts";

test.each([
  [0, "░░░░░░░░░░"],
  [0.5, "▓▓▓▓▓░░░░░"],
  [1, "▓▓▓▓▓▓▓▓▓▓"],
  [7, "▓▓▓▓▓▓▓▓▓▓"],
  [-1, "░░░░░░░░░░"],
])("drawBar() of %d is always as wide as asked", (progress, bar) => {
  expect(drawBar(progress, 10)).toBe(bar);
});

test.each([
  [0, "0 s"],
  [59_400, "59 s"],
  [60_000, "1 min 0 s"],
  [125_000, "2 min 5 s"],
  [3_599_600, "1 h 0 min"],
  [3_780_000, "1 h 3 min"],
])("describeDuration() of %d ms is %s", (durationMs, words) => {
  expect(describeDuration(durationMs)).toBe(words);
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [1_900_000, "1.9 MB"],
  [5_000_000_000_000_000, "5000.0 TB"],
])("describeBytes() of %d is %s", (bytes, words) => {
  expect(describeBytes(bytes)).toBe(words);
});

test("printJson() prints JSON and nothing else on standard output", () => {
  const { output, json, told } = recordingOutput();

  printJson(output, { a: [1] });

  expect(json()).toEqual({ a: [1] });
  expect(told).toEqual([]);
});
