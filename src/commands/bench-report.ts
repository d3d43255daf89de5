import { table } from "table";
import { type BenchRow, describeGoal, describeNumber, isGoalMet } from "./bench-figures.ts";
import { type Output, printJson } from "./output.ts";

/** Where and when it was measured: a figure without its machine says nothing. */
export interface BenchMachine {
  readonly dateUtc: string;
  readonly program: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  /** Of the last minute, before and after. */
  readonly loadBefore: number;
  readonly loadAfter: number;
}

export interface BenchReport {
  readonly machine: BenchMachine;
  readonly rows: readonly BenchRow[];
  /** Benches that could not run, and why. */
  readonly failed: readonly { readonly bench: string; readonly why: string }[];
}

/** `reactune bench` */
export function showBench(report: BenchReport, options: { readonly isJson: boolean }, output: Output): void {
  if (options.isJson) {
    printJson(output, { ...report, rows: report.rows.map((row) => ({ ...row, isGoalMet: isGoalMet(row) })) });
    return;
  }
  const { machine, rows, failed } = report;
  const lines = rows.map((row) => [
    row.bench,
    row.measured,
    `${describeNumber(row.value)}${row.unit === "" ? "" : ` ${row.unit}`}`,
    describeGoal(row.goal),
    describeOutcome(isGoalMet(row)),
    row.note ?? "",
  ]);
  const drawHorizontalLine = (line: number, count: number) => line <= 1 || line === count;
  const head = ["bench", "measured", "value", "goal", "", "note"];
  output.print(table([head, ...lines], { drawHorizontalLine }).trimEnd());
  output.print(
    `${machine.dateUtc}, ${machine.program}, Node ${machine.node}, ${machine.cores} x ${machine.processor},` +
      ` ${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB, ${machine.system};` +
      ` load ${machine.loadBefore.toFixed(1)} before, ${machine.loadAfter.toFixed(1)} after`,
  );
  if (machine.loadBefore > machine.cores / 2) {
    output.print("The machine was busy with other work: times are longer than they would be, ratios hold better.");
  }
  for (const { bench, why } of failed) output.print(`Not measured: ${bench}: ${why}`);
}

function describeOutcome(isMet: boolean | undefined): string {
  if (isMet === undefined) return "";
  return isMet ? "met" : "missed";
}
