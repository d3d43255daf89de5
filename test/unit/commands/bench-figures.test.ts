import { expect, test } from "vitest";
import { type BenchRow, describeGoal, describeNumber, isGoalMet, median, quantile } from "#commands/bench-figures.ts";

const row: BenchRow = { bench: "start", measured: "until usable", value: 4000, unit: "ms" };

test("median() takes the middle of the sorted values, of an even number the mean of the two", () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("quantile() gives the value that the share is below, the largest at the end", () => {
  const values = [3, 1, 2, 4];
  expect([quantile(values, 0), quantile(values, 0.5), quantile(values, 1)]).toEqual([1, 3, 4]);
});

test("isGoalMet() counts a bound itself as met and knows nothing without a goal", () => {
  expect(isGoalMet({ ...row, goal: { max: 4000 } })).toBe(true);
  expect(isGoalMet({ ...row, goal: { max: 3999 } })).toBe(false);
  expect(isGoalMet({ ...row, goal: { min: 4000.1 } })).toBe(false);
  expect(isGoalMet({ ...row, value: Number.NaN, goal: { min: 1 } })).toBe(false);
  expect(isGoalMet(row)).toBeUndefined();
});

test("describeNumber() keeps three digits that count", () => {
  expect([0.031_25, 4.512, 12_345.6, 1000, Number.NaN].map(describeNumber)).toEqual([
    "0.0313",
    "4.51",
    "12,300",
    "1,000",
    "none",
  ]);
  expect(describeGoal({ min: 874.8 })).toBe(">= 874.8");
});
