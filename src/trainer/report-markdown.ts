import type { GradeReason } from "#core/grade.ts";
import { listFigures, type ReportFigure } from "./report-json.ts";
import type { RunReport, SampleReply, TrainingFacts } from "./report-record.ts";

/** The report for people: first what changes for users, then why, then the figures. No words of users are in it. */
export function describeInMarkdown(
  report: RunReport,
  files: { readonly lossCurve?: string; readonly samples?: string },
): string {
  const { run, graded, dataset, figures, limits, training } = report;
  return [
    `# Training of "${plain(run.scope.domain)}": grade ${graded.grade}`,
    whatChanges(report),
    "## Why",
    graded.reasons.map(reasonLine).join("\n"),
    "## Figures",
    figureTable(listFigures(figures, limits)),
    `Before is the base model ${plain(report.baseModelName)}, after is the new adapter \`${report.adapterDigest.slice(0, 12)}\`, both asked the same on ` +
      `${figures.heldOut.rows} held-out examples of ${figures.heldOut.conversations} conversations. Intervals are 95 % bootstrap intervals. ` +
      "docs/grades.md says how they become a grade.",
    ...rankingPart(report),
    ...(files.samples === undefined
      ? []
      : [`Replies before and after, side by side: [${files.samples}](${files.samples}).`]),
    "## What it learned from",
    `${dataset.train} examples to train on and ${dataset.valid} held out, from the last ${dataset.days} days: ${dataset.liked} liked, ` +
      `${dataset.corrected} corrected, ${dataset.servedAgain} served again from the cache. ${dataset.negatives} disliked replies and ${dataset.pairs} pairs served to judge it.`,
    droppedTable(report),
    ...(training === undefined ? [] : trainingPart(training, files.lossCurve)),
    `Run \`${plain(run.id)}\`, ${new Date(report.createdAtMs).toISOString()}, data set \`${dataset.hash.slice(0, 12)}\`.`,
  ]
    .join("\n\n")
    .concat("\n");
}

/** Words of people, masked: kept in a file of their own, which goes when somebody asks to be forgotten. */
export function describeSamples(samples: readonly SampleReply[]): string {
  return [
    "# Replies before and after",
    "Held-out questions. Secrets and personal data are masked. Delete this file and nothing else is lost.",
    ["| question | before | after | what people wanted |", "|---|---|---|---|"]
      .concat(
        samples.map(
          ({ question, base, adapter, expected }) => `| ${[question, base, adapter, expected].map(cell).join(" | ")} |`,
        ),
      )
      .join("\n"),
  ]
    .join("\n\n")
    .concat("\n");
}

function whatChanges({ graded, run, figures }: RunReport): string {
  const domain = plain(run.scope.domain);
  if (!graded.isAccepted) {
    return `**Nothing changes for your users.** The new adapter for "${domain}" was not good enough, so what answers today stays. ${graded.verdict}.`;
  }
  const { exactMatch, f1 } = figures;
  const replies =
    f1 === undefined
      ? "How likely it finds the answers that people liked was measured; replies were not generated."
      : `Asked ${figures.heldOut.replies} questions that it was not trained on, its replies share ${percent(f1.adapter)} of their words with the answers that people wanted ` +
        `(before: ${percent(f1.base)})${exactMatch === undefined ? "" : `, and ${percent(exactMatch.adapter)} are exactly right (before: ${percent(exactMatch.base)})`}.`;
  return `**Your users may get better answers about "${domain}".** ${replies} ${graded.verdict}.`;
}

const MARKS = { against: "❌", limits: "⚠️", for: "✅", note: "ℹ️" } as const;

function reasonLine({ kind, gradeMax, text }: GradeReason): string {
  return `- ${MARKS[kind]} ${text}${gradeMax === undefined ? "" : ` (at most ${gradeMax})`}`;
}

function figureTable(figures: readonly ReportFigure[]): string {
  const rows = figures.map(({ label, before, after, low, high, unit, isGood }) => {
    const interval = low === undefined || high === undefined ? "" : `${number(low)} to ${number(high)}`;
    const mark = isGood === undefined ? "" : isGood ? "✅" : "❌";
    return `| ${label}${unit === undefined ? "" : `, ${unit}`} | ${before === undefined ? "" : number(before)} | ${number(after)} | ${interval} | ${mark} |`;
  });
  return ["| | before | after | 95 % interval | |", "|---|---:|---:|---|---|", ...rows].join("\n");
}

function rankingPart({ figures: { ranking } }: RunReport): readonly string[] {
  if (ranking === undefined) return [];
  const { confusion, pairsRight } = ranking.adapter;
  return [
    `Of ${ranking.pairs} pairs of a liked and a disliked reply to one question, the adapter finds the liked one likelier in ${percent(pairsRight)} (before: ${percent(ranking.base.pairsRight)}). ` +
      "At its best threshold:",
    [
      "| | called liked | called disliked |",
      "|---|---:|---:|",
      `| liked | ${confusion.likedCalledLiked} | ${confusion.likedCalledDisliked} |`,
      `| disliked | ${confusion.dislikedCalledLiked} | ${confusion.dislikedCalledDisliked} |`,
    ].join("\n"),
  ];
}

function droppedTable({ dataset: { dropped } }: RunReport): string {
  if (dropped.length === 0) return "Nothing was left out.";
  return ["| left out | why |", "|---:|---|", ...dropped.map(({ rows, why }) => `| ${rows} | ${why} |`)].join("\n");
}

function trainingPart(training: TrainingFacts, lossCurve: string | undefined): readonly string[] {
  const { rank, epochs, steps, totalMs, tokensPerSecond, memoryPeakBytes } = training;
  return [
    "## How the training went",
    `LoRA of rank ${rank}, ${epochs} epochs, ${steps} steps in ${(totalMs / 60_000).toFixed(1)} minutes at ${Math.round(tokensPerSecond)} tokens/s; ` +
      `${(memoryPeakBytes / 2 ** 20).toFixed(0)} MiB of memory at most.`,
    ...(lossCurve === undefined ? [] : [`![Training and held-out loss over the steps](${lossCurve})`]),
  ];
}

const CELL_CHARS = 400;

/** Text from outside in a table: one line, and nothing in it is Markdown, HTML or a mention. */
function cell(text: string): string {
  const letters = Array.from(text.replace(/\s+/gu, " ").trim());
  return plain(letters.length <= CELL_CHARS ? letters.join("") : `${letters.slice(0, CELL_CHARS - 1).join("")}…`);
}

function plain(text: string): string {
  return text
    .replace(/[\r\n]+/gu, " ")
    .replace(/&/gu, "&amp;")
    .replace(/</gu, "&lt;")
    .replace(/>/gu, "&gt;")
    .replace(/[\\`*_{}[\]()#+!|~]/gu, "\\$&")
    .replace(/@/gu, "&#64;")
    .replace(/:\/\//gu, "&#58;//");
}

function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
