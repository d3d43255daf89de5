import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeDurably } from "./dataset-files.ts";
import { describeReport, type ReportFigure } from "./report-json.ts";
import { describeInMarkdown, describeSamples } from "./report-markdown.ts";
import type { DrawLossCurve, RunReport } from "./report-record.ts";

export interface ReportFiles {
  readonly json: string;
  readonly markdown: string;
  /** Holds masked words of people; undefined without samples. Removing it is all that forgetting asks of a report. */
  readonly samples?: string;
}

const JSON_NAME = "report.json";
const SAMPLES_NAME = "report-samples.md";
const CURVE_NAME = "loss-curve";

/** Writes report.md, report.json, the loss curve as SVG and PNG, and the sample replies apart. The JSON comes last: with it the report is whole. */
export async function writeReport(report: RunReport, directory: string, draw: DrawLossCurve): Promise<ReportFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { training, samples } = report;
  const hasCurve = training !== undefined && training.lossTrain.length + training.lossValid.length > 0;
  if (hasCurve) {
    const title = `Loss while learning "${report.run.scope.domain}"`;
    const { svg, png } = draw({ title, train: training.lossTrain, valid: training.lossValid });
    await writeDurably(join(directory, `${CURVE_NAME}.svg`), svg);
    await writeDurably(join(directory, `${CURVE_NAME}.png`), png);
  }
  if (samples.length > 0) await writeDurably(join(directory, SAMPLES_NAME), describeSamples(samples));
  const markdown = describeInMarkdown(report, {
    ...(hasCurve ? { lossCurve: `${CURVE_NAME}.png` } : {}),
    ...(samples.length > 0 ? { samples: SAMPLES_NAME } : {}),
  });
  const files = { json: join(directory, JSON_NAME), markdown: join(directory, "report.md") };
  await writeDurably(files.markdown, markdown);
  await writeDurably(files.json, `${JSON.stringify(describeReport(report), null, 2)}\n`);
  return samples.length > 0 ? { ...files, samples: join(directory, SAMPLES_NAME) } : files;
}

const figureSchema = z.object({
  label: z.string(),
  before: z.number().exactOptional(),
  after: z.number(),
  low: z.number().exactOptional(),
  high: z.number().exactOptional(),
  unit: z.string().exactOptional(),
  isGood: z.boolean().exactOptional(),
});
const reportSchema = z.object({ version: z.literal(1), summary: z.array(figureSchema) });

/** The figures of a written report. Empty when there is none yet; rejects when the file is not one of ours. */
export async function readReportFigures(directory: string): Promise<readonly ReportFigure[]> {
  let text: string;
  try {
    text = await readFile(join(directory, JSON_NAME), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return reportSchema.parse(JSON.parse(text)).summary;
}
