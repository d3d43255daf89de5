import { stripVTControlCharacters } from "node:util";
import type { Output } from "#commands/output.ts";

/** What a command wrote where, without colours. */
export function recordingOutput(isTerminal = false) {
  const [printed, told, progress]: string[][] = [[], [], []];
  const into = (lines: string[] | undefined) => (line: string) => void lines?.push(stripVTControlCharacters(line));
  const output: Output = { print: into(printed), tell: into(told), progress: into(progress), isTerminal };
  return {
    output,
    printed: printed ?? [],
    told: told ?? [],
    progress: progress ?? [],
    text: () => (printed ?? []).join("\n"),
    json: () => JSON.parse((printed ?? []).join("\n")),
  };
}
