import { expect, test } from "vitest";
import { cleanText, controlRatio } from "#core/clean-text.ts";

test.each([
  ["line ends of every system", "a\r\nb\rc", "a\nb\nc"],
  ["control characters but tab and line feed", "a\u0000\u0007b\tc\nd\u001B", "ab\tc\nd"],
  ["overrides of the reading direction", "refund\u202E evil\u2066", "refund evil"],
  ["halves of surrogate pairs", "a\uD800b", "a\uFFFDb"],
  ["white space around", "  hello \n", "hello"],
])("cleanText() mends %s", (_, raw, clean) => {
  expect(cleanText(raw)).toBe(clean);
});

test("cleanText() keeps emoji, joiners and every script", () => {
  const text = "👩‍💻 naïve 日本語 עברית ❤️";

  expect(cleanText(text)).toBe(text);
});

test("controlRatio() is high for binary and 0 for text", () => {
  expect(controlRatio("a\tb\r\nc 日本 😀")).toBe(0);
  expect(controlRatio("")).toBe(0);
  expect(controlRatio("ab\u0000\u0001")).toBe(0.5);
  expect(controlRatio("\uFFFD\uFFFDPNG")).toBeCloseTo(0.4);
});
