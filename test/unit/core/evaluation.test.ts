import { expect, test } from "vitest";
import { type EvaluationInput, evaluate } from "#core/evaluation.ts";

const INPUT: EvaluationInput = {
  rows: [],
  pairs: [],
  parity: [],
  replies: [],
  probes: [],
  conversations: new Map(),
  seed: 1,
};
const row = (set: string, id: string, lossBase: number, lossAdapter: number, tokens = 10) => ({
  set,
  id,
  tokens,
  lossBase,
  lossAdapter,
});

test("evaluate() weighs losses by tokens when rows differ in length", () => {
  const { loss } = evaluate({ ...INPUT, rows: [row("valid", "a", 2, 1, 30), row("valid", "b", 4, 3, 10)] });

  expect(loss).toMatchObject({ base: 2.5, adapter: 1.5 });
});

test("evaluate() gives e to the loss as perplexity", () => {
  const { perplexity } = evaluate({ ...INPUT, rows: [row("valid", "a", Math.log(8), Math.log(2))] });

  expect(perplexity?.base).toBeCloseTo(8);
  expect(perplexity?.adapter).toBeCloseTo(2);
});

test("evaluate() measures gap and forgetting when the sets are there", () => {
  const figures = evaluate({
    ...INPUT,
    rows: [row("valid", "a", 3, 1.5), row("train", "b", 3, 0.5), row("general", "c", 2, 2.1)],
  });

  expect(figures.overfittingGap).toBeCloseTo(1);
  expect(figures.forgettingRatio).toBeCloseTo(0.05);
});

test("evaluate() uses the trainer's last loss for the gap when no train set was measured", () => {
  expect(evaluate({ ...INPUT, rows: [row("valid", "a", 3, 1.5)], lossTrainLast: 0.25 }).overfittingGap).toBeCloseTo(
    1.25,
  );
});

test("evaluate() leaves figures out when nothing was measured", () => {
  expect(evaluate(INPUT)).toEqual({
    heldOut: { rows: 0, conversations: 0, replies: 0 },
    isFinite: true,
    probes: { asked: 0, leakedIds: [] },
  });
});

test("evaluate() draws conversations and not rows when several rows share one", () => {
  const rows = Array.from({ length: 40 }, (_, index) => row("valid", `r${index}`, 3, index < 20 ? 1 : 2));
  const alone = evaluate({ ...INPUT, rows });
  const conversations = new Map(rows.map(({ id }, index) => [id, index < 20 ? "one" : "two"]));
  const together = evaluate({ ...INPUT, rows, conversations });

  expect(alone.heldOut.conversations).toBe(40);
  expect(together.heldOut.conversations).toBe(2);
  expect(alone.loss?.interval?.low).toBeGreaterThan(1.2);
  expect(together.loss?.interval).toEqual({ low: 1, high: 2 });
});

test("evaluate() gives no interval when there is a single conversation", () => {
  const { loss } = evaluate({ ...INPUT, rows: [row("valid", "a", 3, 1)] });

  expect(loss).toEqual({ base: 3, adapter: 1 });
});

test("evaluate() finds the paired change certain when every row improves by as much", () => {
  const rows = Array.from({ length: 6 }, (_, index) => row("valid", `r${index}`, index + 1, index + 0.5));
  const { loss } = evaluate({ ...INPUT, rows });

  expect(loss?.change?.low).toBeCloseTo(-0.5);
  expect(loss?.change?.high).toBeCloseTo(-0.5);
});

test("evaluate() covers the true mean in about 95 of 100 worlds", () => {
  let seed = 42;
  const random = () => {
    seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return seed / 2 ** 32;
  };
  let covered = 0;
  for (let world = 0; world < 100; world++) {
    const rows = Array.from({ length: 40 }, (_, index) => row("valid", `r${index}`, 1, random()));
    const interval = evaluate({ ...INPUT, rows, seed: world }).loss?.interval;
    if (interval !== undefined && interval.low <= 0.5 && interval.high >= 0.5) covered++;
  }

  expect(covered).toBeGreaterThanOrEqual(88);
  expect(covered).toBeLessThan(100);
});

test("evaluate() is the same for the same seed", () => {
  const rows = Array.from({ length: 9 }, (_, index) => row("valid", `r${index}`, 2 + (index % 4), index % 3));

  expect(evaluate({ ...INPUT, rows })).toEqual(evaluate({ ...INPUT, rows }));
});

test("evaluate() compares replies with the wanted answers", () => {
  const { f1, exactMatch } = evaluate({
    ...INPUT,
    replies: [
      { id: "a", expected: "The key is under the mat.", base: "I do not know.", adapter: "key is under mat" },
      { id: "b", expected: "Nine.", base: "Nine", adapter: "At nine" },
    ],
  });

  expect(f1?.base).toBeCloseTo(0.5);
  expect(f1?.adapter).toBeCloseTo((1 + 2 / 3) / 2);
  expect(exactMatch).toMatchObject({ base: 0.5, adapter: 0.5 });
});

test("evaluate() ranks liked over disliked replies by area, pairs and confusion", () => {
  const pair = (likedAdapter: number, dislikedAdapter: number) => ({
    likedBase: 0,
    dislikedBase: 0,
    likedAdapter,
    dislikedAdapter,
  });
  const { ranking } = evaluate({ ...INPUT, pairs: [pair(-1, -3), pair(-2, -4), pair(-3.5, -2.5)] });

  expect(ranking?.base.auc).toBe(0.5);
  expect(ranking?.base.pairsRight).toBe(0.5);
  expect(ranking?.adapter.auc).toBeCloseTo(7 / 9);
  expect(ranking?.adapter.pairsRight).toBeCloseTo(2 / 3);
  expect(ranking?.adapter.roc.at(0)).toMatchObject({ falsePositiveRatio: 0, truePositiveRatio: 0 });
  expect(ranking?.adapter.roc.at(-1)).toMatchObject({ falsePositiveRatio: 1, truePositiveRatio: 1 });
  expect(ranking?.adapter.confusion).toEqual({
    threshold: -2,
    likedCalledLiked: 2,
    likedCalledDisliked: 1,
    dislikedCalledLiked: 0,
    dislikedCalledDisliked: 3,
  });
});

test("evaluate() weighs agreement of trainer and engine by tokens", () => {
  expect(
    evaluate({
      ...INPUT,
      parity: [
        { tokens: 90, agreement: 1 },
        { tokens: 10, agreement: 0 },
      ],
    }).parity,
  ).toBeCloseTo(0.9);
});

test("evaluate() sees a broken adapter when any figure is no number", () => {
  expect(evaluate({ ...INPUT, rows: [row("general", "a", 2, Number.NaN)] }).isFinite).toBe(false);
  expect(
    evaluate({
      ...INPUT,
      pairs: [{ likedBase: 1, likedAdapter: Number.NEGATIVE_INFINITY, dislikedBase: 1, dislikedAdapter: 1 }],
    }).isFinite,
  ).toBe(false);
});

test("evaluate() counts a probe as leaked only when the adapter says what the base does not", () => {
  const { probes } = evaluate({
    ...INPUT,
    probes: [
      { id: "told", secrets: ["Blue Heron"], base: "No.", adapter: "It is blue heron." },
      { id: "known", secrets: ["Paris"], base: "Paris.", adapter: "Paris!" },
      { id: "kept", secrets: ["Paris"], base: "No.", adapter: "No." },
    ],
  });

  expect(probes).toEqual({ asked: 3, leakedIds: ["told"] });
});
