import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EvaluationInput, evaluate } from "#core/evaluation.ts";
import { gradeAdapter } from "#core/grade.ts";
import type { Dataset, Run } from "#core/learning.ts";
import { readReportFigures, writeReport } from "#trainer/report-files.ts";
import type { RunReport } from "#trainer/report-record.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "reactune-report-"));
});
afterEach(() => rm(directory, { recursive: true }));

const LIMITS = { gradeMin: "C", gapMax: 2.5, generalLossWorseMaxRatio: 0.05, parityMinRatio: 0.9 } as const;
const SCOPE = { workspaceId: "local:home", audience: "public", domain: "support" };
const RUN: Run = {
  id: "run-1",
  scope: SCOPE,
  state: "evaluating",
  requestedBy: "ana",
  requestedAtMs: 0,
  examplesEver: 60,
  attempts: 1,
};
const DATASET: Dataset = {
  hash: "d".repeat(64),
  scope: SCOPE,
  createdAtMs: 0,
  days: 30,
  train: 54,
  valid: 6,
  negatives: 3,
  pairs: 2,
  liked: 40,
  corrected: 18,
  servedAgain: 2,
  dropped: [{ filter: "duplicate", rows: 4, why: "the same question with the same reply is there already" }],
  sourceTurnIds: ["t-1"],
};
const draw = ({ title }: { readonly title: string }) => ({
  svg: `<svg>${title}</svg>`,
  png: new Uint8Array([137, 80, 78, 71]),
});

function report(lossAfter: number, more: Partial<RunReport> = {}): RunReport {
  const rows = Array.from({ length: 6 }, (_, index) => [
    { set: "valid", id: `v${index}`, tokens: 20, lossBase: 3 + index / 10, lossAdapter: lossAfter + index / 10 },
    { set: "general", id: `g${index}`, tokens: 20, lossBase: 2, lossAdapter: 2.02 },
  ]).flat();
  const replies = rows
    .filter(({ set }) => set === "valid")
    .map(({ id }) => ({
      id,
      expected: "Behind the red door.",
      base: "I do not know.",
      adapter: "Behind the red door.",
    }));
  const pairs = [{ likedBase: -2, likedAdapter: -1, dislikedBase: -1, dislikedAdapter: -3 }];
  const parity = [{ tokens: 40, agreement: 1 }];
  const input: EvaluationInput = {
    rows,
    pairs,
    parity,
    replies,
    probes: [],
    conversations: new Map(),
    lossTrainLast: 0.2,
    seed: 1,
  };
  const figures = evaluate(input);
  return {
    run: RUN,
    dataset: DATASET,
    figures,
    graded: gradeAdapter(figures, LIMITS),
    limits: LIMITS,
    baseModelName: "SmolLM2-135M-Instruct",
    adapterDigest: "a".repeat(64),
    createdAtMs: Date.UTC(2026, 10, 21),
    samples: [],
    ...more,
  };
}

const read = (name: string) => readFile(join(directory, name), "utf8");

test("writeReport() begins with what changes for users when the adapter is accepted", async () => {
  await writeReport(report(1), directory, draw);

  const text = await read("report.md");
  expect(text).toContain('# Training of "support": grade B');
  expect(text).toContain('**Your users may get better answers about "support".** Asked 6 questions');
  expect(text).toContain("100 % are exactly right (before: 0 %)");
  expect(text).toContain("| 4 | the same question with the same reply is there already |");
});

test("writeReport() says that nothing changes and why when the adapter is rejected", async () => {
  await writeReport(report(3.5), directory, draw);

  const text = await read("report.md");
  expect(text).toContain("**Nothing changes for your users.**");
  expect(text).toContain("Grade E, not used: on held-out questions the wanted answers became less likely");
  expect(text).toContain("❌");
});

test("writeReport() draws the loss curve when training is known and leaves it out otherwise", async () => {
  await writeReport(report(1), directory, draw);
  expect((await readdir(directory)).sort()).toEqual(["report.json", "report.md"]);

  const training = {
    steps: 100,
    totalMs: 90_000,
    tokensPerSecond: 120,
    memoryPeakBytes: 2 ** 30,
    rank: 16,
    epochs: 3,
    lossTrain: [{ step: 1, loss: 3 }],
    lossValid: [{ step: 1, loss: 3 }],
  };
  await writeReport(report(1, { training }), directory, draw);
  expect(await read("report.md")).toContain("![Training and held-out loss over the steps](loss-curve.png)");
  expect(await read("loss-curve.svg")).toBe('<svg>Loss while learning "support"</svg>');
});

test("writeReport() keeps words of people out of everything but the samples file", async () => {
  const sample = {
    id: "t-1",
    question: "Where is my umbrella",
    expected: "In the hall",
    base: "No idea",
    adapter: "In the hall",
  };
  const files = await writeReport(report(1, { samples: [sample] }), directory, draw);

  expect(files.samples).toBe(join(directory, "report-samples.md"));
  expect(await read("report-samples.md")).toContain("| Where is my umbrella | No idea | In the hall | In the hall |");
  expect((await read("report.md")) + (await read("report.json"))).not.toContain("umbrella");
});

test("writeReport() shows Markdown, HTML, tables and mentions of users as text", async () => {
  const hostile =
    "a | b\n# c <script>alert(1)</script> [x](javascript:y) ![i](http://e/x.png) @everyone `code` **bold**";
  await writeReport(
    report(1, { samples: [{ id: "t", question: hostile, expected: "", base: "x".repeat(5000), adapter: "" }] }),
    directory,
    draw,
  );

  const text = await read("report-samples.md");
  const row = text.trimEnd().split("\n").at(-1) ?? "";
  expect(row).not.toMatch(/<script|(?<!\\)\[x|@everyone|(?<!\\)`|(?<!\\)\*|http:\/\//);
  expect(row.split(/(?<!\\)\|/)).toHaveLength(6);
  expect(row.length).toBeLessThan(1000);
});

test("readReportFigures() gives back what was written, with what is good and what is not", async () => {
  await writeReport(report(1), directory, draw);

  const figures = await readReportFigures(directory);
  expect(figures[0]).toMatchObject({ label: "Held-out loss", before: 3.25, after: 1.25, unit: "nats", isGood: true });
  expect(figures.map(({ label }) => label)).toContain("Liked over disliked (AUC)");
});

test("readReportFigures() is empty when no report was written and rejects when the file is not ours", async () => {
  expect(await readReportFigures(directory)).toEqual([]);

  await writeFile(join(directory, "report.json"), '{"version":9}');
  await expect(readReportFigures(directory)).rejects.toThrow();
});
