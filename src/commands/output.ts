/** Where a command writes: `print` is its result on standard output, `tell` is progress and advice on standard error. */
export interface Output {
  print(line: string): void;
  tell(line: string): void;
  /** Replaces the last told line on a terminal; a new line elsewhere, at most every few seconds. */
  progress(line: string): void;
  readonly isTerminal: boolean;
}

/** Results for scripts: JSON and nothing else on standard output. */
export function printJson(output: Output, value: unknown): void {
  output.print(JSON.stringify(value, null, 2));
}

/** `▓▓▓▓▓░░░░░`, always `width` wide. */
export function drawBar(progress: number, width = 20): string {
  const filled = Math.round(Math.min(1, Math.max(0, progress)) * width);
  return "▓".repeat(filled) + "░".repeat(width - filled);
}

/** "3 s", "2 min 5 s", "1 h 3 min". */
export function describeDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** "1 record", "2 records". */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** "512 B", "1.9 MB". */
export function describeBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}
