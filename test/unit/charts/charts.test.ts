import { expect, test } from "vitest";
import { learningCurve } from "#charts/learning-curve.ts";
import { lossCurve } from "#charts/loss-curve.ts";
import { readinessBars } from "#charts/readiness-bars.ts";
import { svgToPng } from "#charts/svg-to-png.ts";
import { judgeReadiness } from "#core/readiness.ts";

const LOSS = {
  title: "Loss",
  train: [
    { step: 1, loss: 3 },
    { step: 2, loss: 1 },
  ],
  valid: [{ step: 2, loss: 2 }],
};
const curve = [
  { questions: 20, phase: "before", rightRatio: 0.1, scoreMean: 2, readiness: 0.5 },
  { questions: 40, phase: "before", rightRatio: 0.1, readiness: 1 },
  { questions: 60, phase: "after", rightRatio: 0.9, scoreMean: 4.5, readiness: 0.2 },
] as const;
const DOMAIN = { domain: "support", before: { exactRatio: 0.04 }, after: { exactRatio: 0.89 }, curve };
const THRESHOLDS = {
  conversationsMin: 50,
  messagesMin: 200,
  feedbackMin: 20,
  scoreMeanMin: 3.5,
  examplesMin: 50,
  ratersMin: 3,
  newExamplesMin: 20,
};
const COUNTS = { conversations: 30, messages: 54, feedback: 2, scoreSum: 10, examples: 2, raters: 1, examplesEver: 2 };

test("lossCurve() draws both losses with their names", () => {
  const svg = lossCurve(LOSS);

  expect(svg).toMatch(/^<svg/);
  for (const text of ["Loss", "training", "held out", "optimiser steps"]) expect(svg).toContain(`>${text}<`);
});

test("lossCurve() draws an empty picture when no step was reported", () => {
  expect(lossCurve({ title: "Loss", train: [], valid: [] })).toMatch(/^<svg/);
});

test("learningCurve() shows each domain with the exam before and after and the moment of training", () => {
  const svg = learningCurve([DOMAIN, { ...DOMAIN, domain: "legal" }]);

  for (const text of ["support", "legal", "4 %", "89 %", "training", "mean score"]) expect(svg).toContain(`>${text}<`);
});

test("learningCurve() draws a title when no domain was simulated", () => {
  expect(learningCurve([])).toContain("Learning curve");
});

test("readinessBars() shows value and threshold of every criterion", () => {
  const svg = readinessBars("support", judgeReadiness(COUNTS, THRESHOLDS));

  for (const text of ["30 of 50", "54 of 200", "2 of 20", "5.0, asked: 3.5", "not ready"])
    expect(svg).toContain(`>${text}<`);
});

test.each(["lossCurve", "readinessBars", "learningCurve"] as const)("%s() shows names from outside as text", (name) => {
  const hostile = "<script>alert(1)</script>";
  const svg = {
    lossCurve: () => lossCurve({ ...LOSS, title: hostile }),
    readinessBars: () => readinessBars(hostile, judgeReadiness(COUNTS, THRESHOLDS)),
    learningCurve: () => learningCurve([{ ...DOMAIN, domain: hostile }]),
  }[name]();

  expect(svg).not.toContain("<script");
  expect(svg).toContain("&lt;script");
});

test("svgToPng() gives a picture of twice the size with its text drawn", () => {
  const svg = lossCurve(LOSS);
  const png = Buffer.from(svgToPng(svg));
  const textless = svgToPng(svg.replace(/<text[\s\S]*?<\/text>/g, ""));

  expect(png.subarray(1, 4).toString()).toBe("PNG");
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1520, 800]);
  expect(png.length).toBeGreaterThan(textless.length * 1.2);
});
