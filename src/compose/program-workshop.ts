import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addBenchCommand } from "./program-bench.ts";
import { addDoctorCommand } from "./program-doctor.ts";
import { addSimulateCommand } from "./program-simulate.ts";
import { trainingWorker } from "./training-worker.ts";

/** Commands that look at the program or try it out. */
export function addWorkshopCommands(program: Command, context: CommandContext): void {
  addDoctorCommand(program, context);
  addSimulateCommand(program, context);
  addBenchCommand(program, context);
  program
    .command("training-worker", { hidden: true })
    .argument("<run>")
    .description("runs one training run for the program that starts it")
    .action((runId) => trainingWorker(runId));
}
