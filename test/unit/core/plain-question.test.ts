import { expect, test } from "vitest";
import { plainQuestion } from "#core/plain-question.ts";

test.each(["Where is my refund", "  Where is\n my refund ?", "Where is my refund?!...", "Where is my refund."])(
  "plainQuestion() is the same for %j",
  (question) => {
    expect(plainQuestion(question)).toBe("Where is my refund");
  },
);

test("plainQuestion() composes accents, so that both ways to type one are the same", () => {
  expect(plainQuestion("Cafe\u0301?")).toBe(plainQuestion("Caf\u00E9"));
});

test.each([
  ["Is Will here", "Is will here"],
  ["version 1.2", "version 12"],
  ["a, b", "a b"],
])("plainQuestion() keeps %j and %j apart", (one, other) => {
  expect(plainQuestion(one)).not.toBe(plainQuestion(other));
});
