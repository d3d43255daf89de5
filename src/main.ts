import { Command } from "commander";
import type { Output } from "#commands/output.ts";
import { createProgram } from "#compose/program.ts";
import { describeError, fileRefusalOf, OperatingError } from "#core/errors.ts";

/** argv -> command -> exit code; the only process.exit. */
const output: Output = {
  print: (line) => console.log(line),
  tell: (line) => console.error(line),
  progress: (line) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`);
    else console.error(line);
  },
  isTerminal: process.stderr.isTTY === true,
};

async function main(): Promise<number> {
  try {
    const program = createProgram(new Command("reactune"), output);
    await program.parseAsync(process.argv);
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (error) {
    const expected = error instanceof OperatingError ? error : fileRefusalOf(error);
    if (expected === undefined) throw error;
    console.error(describeError(expected));
    return 1;
  }
}

process.exit(await main());
