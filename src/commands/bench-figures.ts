/** NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value that `share` (0 to 1) of all are below; NaN for no values. */
export function quantile(values: readonly number[], share: number): number {
  const at = Math.min(values.length - 1, Math.floor(values.length * share));
  return values.toSorted((a, b) => a - b)[at] ?? Number.NaN;
}

/** One line of the benchmark's table. */
export interface BenchRow {
  readonly bench: string;
  readonly measured: string;
  readonly value: number;
  /** "ms", "times", "tokens/s", "%" or nothing. */
  readonly unit: string;
  readonly goal?: BenchGoal;
  /** What else the reader needs: rounds, spread, what it is compared with. */
  readonly note?: string;
}

export interface BenchGoal {
  readonly min?: number;
  readonly max?: number;
}

export function isGoalMet({ value, goal }: BenchRow): boolean | undefined {
  if (goal === undefined) return undefined;
  return value >= (goal.min ?? Number.NEGATIVE_INFINITY) && value <= (goal.max ?? Number.POSITIVE_INFINITY);
}

export function describeGoal(goal: BenchGoal | undefined): string {
  if (goal === undefined) return "";
  const bounds = [
    goal.min === undefined ? "" : `>= ${goal.min.toLocaleString("en")}`,
    goal.max === undefined ? "" : `<= ${goal.max.toLocaleString("en")}`,
  ];
  return bounds.filter((bound) => bound !== "").join(", ");
}

/** Three digits that count: 0.0312, 4.51, 982, 31,200. */
export function describeNumber(value: number): string {
  if (!Number.isFinite(value)) return "none";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 6 });
}
