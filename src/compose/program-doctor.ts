import type { Command } from "commander";
import { doctor, formatDoctorReport } from "#commands/doctor.ts";
import { printJson } from "#commands/output.ts";
import { programDirectory } from "#config/load.ts";
import { ConfigInvalidError } from "#core/errors.ts";
import type { CommandContext } from "./command-context.ts";

export function addDoctorCommand(program: Command, { load, output }: CommandContext): void {
  program
    .command("doctor")
    .description("check everything that a run needs, and say how to mend what is missing")
    .option("--json", "for scripts")
    .action(async (options) => {
      const report = await doctor({ programDirectory, config: loadOrError(load), openDatabase });
      if (options.json === true) printJson(output, report);
      else for (const line of formatDoctorReport(report)) output.print(line);
      if (!report.isHealthy) process.exitCode = 1;
    });
}

function loadOrError(load: CommandContext["load"]) {
  try {
    return load();
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error;
    throw error;
  }
}

async function openDatabase(path: string): Promise<void> {
  const { openSqliteStore } = await import("#store/sqlite/open-sqlite-store.ts");
  openSqliteStore({ path, now: Date.now }).close();
}
