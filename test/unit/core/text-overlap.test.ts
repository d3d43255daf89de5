import { expect, test } from "vitest";
import { isExactMatch, tokenF1 } from "#core/text-overlap.ts";

test("tokenF1() ignores case, punctuation and articles as SQuAD does", () => {
  expect(tokenF1("The Eiffel Tower!", "an eiffel tower")).toEqual({ precision: 1, recall: 1, f1: 1 });
});

test("tokenF1() counts a repeated word once for every time it is wanted", () => {
  const { precision, recall, f1 } = tokenF1("no no no yes", "no yes");

  expect(precision).toBe(0.5);
  expect(recall).toBe(1);
  expect(f1).toBeCloseTo(2 / 3);
});

test("tokenF1() is 0 when no word is shared or the reply is empty", () => {
  expect(tokenF1("blue", "red").f1).toBe(0);
  expect(tokenF1("", "red")).toEqual({ precision: 0, recall: 0, f1: 0 });
});

test("tokenF1() counts characters when a script has no spaces", () => {
  expect(tokenF1("東京都", "東京").recall).toBe(1);
});

test("tokenF1() keeps words that only begin with an article", () => {
  expect(tokenF1("another ânimo", "other nimo").f1).toBe(0);
});

test("isExactMatch() compares after the same normalisation", () => {
  expect(isExactMatch("At  nine.", "at nine")).toBe(true);
  expect(isExactMatch("At nine.", "at ten")).toBe(false);
});
