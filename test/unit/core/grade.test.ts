import { expect, test } from "vitest";
import type { Compared, EvaluationFigures } from "#core/evaluation.ts";
import { type GradeLimits, gradeAdapter } from "#core/grade.ts";

const LIMITS: GradeLimits = { gradeMin: "C", gapMax: 2.5, generalLossWorseMaxRatio: 0.05, parityMinRatio: 0.9 };
const compared = (base: number, adapter: number, low: number, high: number): Compared => ({
  base,
  adapter,
  interval: { low: adapter, high: adapter },
  change: { low, high },
});
const GOOD: EvaluationFigures = {
  heldOut: { rows: 30, conversations: 12, replies: 30 },
  isFinite: true,
  loss: compared(3, 1, -2.2, -1.8),
  overfittingGap: 0.6,
  generalLoss: compared(2, 2.02, 0, 0.04),
  forgettingRatio: 0.01,
  f1: compared(0.2, 0.85, 0.5, 0.8),
  parity: 0.99,
  probes: { asked: 4, leakedIds: [] },
};
const gradeOf = (change: Partial<EvaluationFigures>) => gradeAdapter({ ...GOOD, ...change }, LIMITS);
const heldOut = (conversations: number, replies = 30) => ({ rows: 30, conversations, replies });

test("gradeAdapter() gives A when much evidence shows a large improvement", () => {
  const { grade, isAccepted, verdict } = gradeOf({});

  expect({ grade, isAccepted }).toEqual({ grade: "A", isAccepted: true });
  expect(verdict).toBe(
    "Grade A: on 12 held-out conversations the wanted answers' loss fell by 67 %, and the replies' word overlap with them went 0.20 to 0.85",
  );
});

test.each([
  ["F", "a loss is no number", { isFinite: false }, /no numbers/],
  ["F", "trainer and engine disagree", { parity: 0.4 }, /agree on only 40 % of the tokens/],
  ["F", "a probe leaks", { probes: { asked: 4, leakedIds: ["x"] } }, /1 of 4 probes/],
  ["E", "the held-out loss rose", { loss: compared(1, 1.2, 0.1, 0.3) }, /became less likely/],
  ["E", "it forgets", { forgettingRatio: 0.2 }, /rose by 20 %/],
  ["D", "it learned by heart", { overfittingGap: 2.6 }, /2\.60 above training loss/],
  ["D", "nothing was held out", { heldOut: heldOut(0) }, /only 0 conversations/],
  ["D", "the change may be chance", { loss: compared(3, 2.9, -0.3, 0.1) }, /may be chance/],
  ["D", "the replies are worse", { f1: compared(0.5, 0.3, -0.3, -0.1) }, /replies are worse/],
] as const)("gradeAdapter() gives %s and refuses when %s", (wanted, _, change, why) => {
  const { grade, isAccepted, verdict } = gradeOf(change);

  expect({ grade, isAccepted }).toEqual({ grade: wanted, isAccepted: false });
  expect(verdict).toMatch(new RegExp(`^Grade ${wanted}, not used: .*${why.source}`));
});

test.each([
  ["C", "three conversations were held out", { heldOut: heldOut(3, 3) }],
  ["C", "the improvement is small", { loss: compared(3, 2.8, -0.3, -0.1) }],
  ["B", "six conversations were held out", { heldOut: heldOut(6, 6) }],
  ["B", "the improvement is fair", { loss: compared(3, 2.5, -0.6, -0.4) }],
  ["B", "the change of the replies may be chance", { f1: compared(0.5, 0.52, -0.1, 0.14) }],
] as const)("gradeAdapter() gives %s and accepts when %s", (wanted, _, change) => {
  expect(gradeOf(change)).toMatchObject({ grade: wanted, isAccepted: true });
});

test("gradeAdapter() gives C when it tells liked from disliked less well than the base", () => {
  const ranking = (auc: number) => ({
    auc,
    interval: { low: auc - 0.05, high: auc + 0.05 },
    pairsRight: auc,
    roc: [],
    confusion: {
      threshold: 0,
      likedCalledLiked: 0,
      likedCalledDisliked: 0,
      dislikedCalledLiked: 0,
      dislikedCalledDisliked: 0,
    },
  });

  expect(gradeOf({ ranking: { pairs: 20, base: ranking(0.8), adapter: ranking(0.6) } }).grade).toBe("C");
  expect(gradeOf({ ranking: { pairs: 5, base: ranking(0.8), adapter: ranking(0.6) } }).grade).toBe("A");
});

test("gradeAdapter() lets the loss decide and says so when there are few replies", () => {
  const { isAccepted, reasons } = gradeOf({ heldOut: heldOut(4, 4), f1: compared(0.5, 0.3, -0.3, -0.1) });

  expect(isAccepted).toBe(true);
  expect(reasons.map((reason) => reason.text).join("; ")).toContain(
    "4 replies are too few to weigh, so the loss decides",
  );
});

test("gradeAdapter() accepts the grade that the operator asks for and no worse", () => {
  const figures = { ...GOOD, heldOut: heldOut(6) };

  expect(gradeAdapter(figures, { ...LIMITS, gradeMin: "B" }).isAccepted).toBe(true);
  expect(gradeAdapter(figures, { ...LIMITS, gradeMin: "A" })).toMatchObject({ grade: "B", isAccepted: false });
});

test("gradeAdapter() caps at B when figures are missing", () => {
  const { f1: _, generalLoss: __, parity: ___, ...rest } = GOOD;

  expect(gradeAdapter(rest, LIMITS).grade).toBe("B");
});

test("gradeAdapter() lists the weightiest reason first", () => {
  const { reasons } = gradeOf({ isFinite: false, overfittingGap: 9, heldOut: heldOut(6) });

  expect(reasons.map((reason) => reason.gradeMax ?? reason.kind).slice(0, 3)).toEqual(["F", "D", "B"]);
});
