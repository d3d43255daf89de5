import { expect, test } from "vitest";
import type { LearningCounts } from "#core/learning.ts";
import { judgeReadiness, type ReadinessThresholds } from "#core/readiness.ts";

const THRESHOLDS: ReadinessThresholds = {
  conversationsMin: 50,
  messagesMin: 200,
  feedbackMin: 20,
  scoreMeanMin: 3.5,
  examplesMin: 50,
  ratersMin: 3,
  newExamplesMin: 20,
};
const GREEN: LearningCounts = {
  conversations: 50,
  messages: 200,
  feedback: 20,
  scoreSum: 70,
  examples: 50,
  raters: 3,
  examplesEver: 90,
};

test("judgeReadiness() is red when 30 conversations with 54 messages have 2 scores of 5", () => {
  const counts = {
    conversations: 30,
    messages: 54,
    feedback: 2,
    scoreSum: 10,
    examples: 2,
    raters: 1,
    examplesEver: 2,
  };

  const { light, criteria } = judgeReadiness(counts, THRESHOLDS);

  expect(light).toBe("red");
  expect(criteria.filter((item) => item.isMet).map((item) => item.id)).toEqual(["scoreMean"]);
  expect(criteria.find((item) => item.id === "scoreMean")?.value).toBe(5);
});

test("judgeReadiness() is green when every criterion is just met", () => {
  expect(judgeReadiness(GREEN, THRESHOLDS)).toMatchObject({ light: "green", progress: 1, missing: [] });
});

test("judgeReadiness() is yellow when half of the criteria are met and red below", () => {
  const half = { ...GREEN, conversations: 49, messages: 199, feedback: 19, scoreSum: 19 * 5 };
  const less = { ...half, raters: 2 };

  expect(judgeReadiness(half, THRESHOLDS).light).toBe("yellow");
  expect(judgeReadiness(less, THRESHOLDS).light).toBe("red");
});

test("judgeReadiness() is not green when one criterion is missed by one", () => {
  const { light, missing } = judgeReadiness({ ...GREEN, examples: 49 }, THRESHOLDS);

  expect(light).toBe("yellow");
  expect(missing).toHaveLength(1);
  expect(missing[0]).toMatch(/^1 more liked/);
});

test("judgeReadiness() asks for new examples only after a first run", () => {
  expect(judgeReadiness(GREEN, THRESHOLDS, undefined).criteria.map((item) => item.id)).not.toContain("newExamples");
  expect(judgeReadiness(GREEN, THRESHOLDS, 70).light).toBe("green");

  const after = judgeReadiness(GREEN, THRESHOLDS, 71);
  expect(after.light).toBe("yellow");
  expect(after.criteria.at(-1)).toEqual({ id: "newExamples", value: 19, threshold: 20, progress: 0.95, isMet: false });
});

test("judgeReadiness() counts no new examples when forgetting made them fewer", () => {
  expect(judgeReadiness(GREEN, THRESHOLDS, 500).criteria.at(-1)).toMatchObject({ value: 0, progress: 0 });
});

test("judgeReadiness() has a mean of 0 and no division by zero when nobody has scored", () => {
  const { criteria, light, progress } = judgeReadiness({ ...GREEN, feedback: 0, scoreSum: 0 }, THRESHOLDS);

  expect(criteria.find((item) => item.id === "scoreMean")).toMatchObject({ value: 0, isMet: false });
  expect(light).toBe("yellow");
  expect(progress).toBeCloseTo(4 / 6);
});

test("judgeReadiness() takes a criterion as met when its threshold is 0", () => {
  const { criteria } = judgeReadiness({ ...GREEN, examplesEver: 0 }, { ...THRESHOLDS, newExamplesMin: 0 }, 0);

  expect(criteria.at(-1)).toMatchObject({ isMet: true, progress: 1 });
});

test("judgeReadiness() says what is missing as people would, of one and of several", () => {
  const short = (by: number) => ({
    ...GREEN,
    conversations: 50 - by,
    messages: 200 - by,
    feedback: 20 - by,
    scoreSum: 3 * (20 - by),
    examples: 50 - by,
    raters: 3 - by,
    examplesEver: 90 - by,
  });

  expect(judgeReadiness(short(1), THRESHOLDS, 70).missing).toEqual([
    "1 more conversation: open a new one for each subject",
    "1 more message (a question and its reply are two)",
    "1 more scored reply: press an emoji under the replies you read",
    "a mean score of 3.5 (now 3.0): teach better answers where replies are weak",
    "1 more liked (🙂 😍) or corrected reply in this domain",
    "1 more person who scores replies",
    "1 more liked or corrected reply since the last training",
  ]);
  expect(judgeReadiness(short(2), THRESHOLDS, 70).missing).toEqual([
    "2 more conversations: open a new one for each subject",
    "2 more messages (a question and its reply are two)",
    "2 more scored replies: press an emoji under the replies you read",
    "a mean score of 3.5 (now 3.0): teach better answers where replies are weak",
    "2 more liked (🙂 😍) or corrected replies in this domain",
    "2 more people who score replies",
    "2 more liked or corrected replies since the last training",
  ]);
});
