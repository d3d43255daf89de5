import { Command } from "commander";
import type { Output } from "#commands/output.ts";
import { createProgram } from "#compose/program.ts";
import { describeError, OperatingError } from "#core/errors.ts";

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
    if (!(error instanceof OperatingError)) throw error;
    console.error(describeError(error));
    return 1;
  }
}

process.exit(await main());
