import type { Compared, EvaluationFigures } from "#core/evaluation.ts";
import type { GradeLimits } from "#core/grade.ts";
import type { RunReport } from "./report-record.ts";

/** One figure in words for people, as pages and reports show it. */
export interface ReportFigure {
  readonly label: string;
  readonly before?: number;
  readonly after: number;
  /** 95 % interval of `after`. */
  readonly low?: number;
  readonly high?: number;
  readonly unit?: string;
  /** Undefined where no threshold stands behind it. */
  readonly isGood?: boolean;
}

/** The report as a document for programs: figures, reasons and counts, no words of people. */
export function describeReport(report: RunReport): object {
  const { run, dataset, figures, graded, limits, training, createdAtMs } = report;
  const { sourceTurnIds, createdAtMs: _, ...counts } = dataset;
  return {
    version: 1,
    runId: run.id,
    scope: run.scope,
    createdAt: new Date(createdAtMs).toISOString(),
    grade: graded.grade,
    isAccepted: graded.isAccepted,
    verdict: graded.verdict,
    reasons: graded.reasons,
    limits,
    baseModelName: report.baseModelName,
    adapterDigest: report.adapterDigest,
    dataset: { ...counts, sourceTurns: sourceTurnIds.length },
    figures,
    summary: listFigures(figures, limits),
    ...(training === undefined ? {} : { training }),
  };
}

/** The figures in the order in which they matter. */
export function listFigures(figures: EvaluationFigures, limits: GradeLimits): readonly ReportFigure[] {
  const { overfittingGap, forgettingRatio, parity, ranking, probes } = figures;
  return [
    ...compared("Held-out loss", figures.loss, { unit: "nats", isBetter: (base, adapter) => adapter < base }),
    ...compared("Held-out perplexity", figures.perplexity, {}),
    ...compared("Token F1 of replies", figures.f1, { isBetter: (base, adapter) => adapter >= base }),
    ...compared("Token precision", figures.precision, {}),
    ...compared("Token recall", figures.recall, {}),
    ...compared("Exactly right replies", figures.exactMatch, {}),
    ...compared("General loss", figures.generalLoss, { unit: "nats" }),
    ...single("Forgetting", forgettingRatio, {
      unit: "of the base's general loss",
      isGood: (value) => value <= limits.generalLossWorseMaxRatio,
    }),
    ...single("Overfitting gap", overfittingGap, { unit: "nats", isGood: (value) => value <= limits.gapMax }),
    ...(ranking === undefined
      ? []
      : compared(
          "Liked over disliked (AUC)",
          { base: ranking.base.auc, adapter: ranking.adapter.auc, interval: ranking.adapter.interval },
          { isBetter: (base, adapter) => adapter >= base },
        )),
    ...single("Trainer and engine agree", parity, { isGood: (value) => value >= limits.parityMinRatio }),
    ...(probes.asked === 0
      ? []
      : single("Probes that leaked words", probes.leakedIds.length, { isGood: (value) => value === 0 })),
  ];
}

function compared(
  label: string,
  figure: Compared | undefined,
  { unit, isBetter }: { readonly unit?: string; readonly isBetter?: (base: number, adapter: number) => boolean },
): readonly ReportFigure[] {
  if (figure === undefined || !Number.isFinite(figure.adapter)) return [];
  return [
    {
      label,
      ...(Number.isFinite(figure.base) ? { before: figure.base } : {}),
      after: figure.adapter,
      ...(figure.interval === undefined ? {} : { low: figure.interval.low, high: figure.interval.high }),
      ...(unit === undefined ? {} : { unit }),
      ...(isBetter === undefined ? {} : { isGood: isBetter(figure.base, figure.adapter) }),
    },
  ];
}

function single(
  label: string,
  after: number | undefined,
  { unit, isGood }: { readonly unit?: string; readonly isGood: (value: number) => boolean },
): readonly ReportFigure[] {
  if (after === undefined || !Number.isFinite(after)) return [];
  return [{ label, after, ...(unit === undefined ? {} : { unit }), isGood: isGood(after) }];
}
