import { readdir } from "node:fs/promises";
import { hasEnded } from "#core/learning.ts";
import { type SettleParts, settleRun } from "./request-training.ts";
import { forgetWords, runFiles } from "./run-files.ts";

const UNFINISHED_RUNS_MAX = 100;

/**
 * What kills left behind: runs without a job go on or end, and words of people lie nowhere once their run has ended.
 * Harmless at any time and any number of times.
 */
export async function tendRuns(parts: SettleParts & { readonly runsDirectory: string }): Promise<void> {
  for (const run of await parts.learning.listRuns({ limit: UNFINISHED_RUNS_MAX })) await settleRun(parts, run);
  for (const runId of await listRunFolders(parts.runsDirectory)) {
    const run = await parts.learning.findRun(runId);
    if (run === undefined || hasEnded(run.state)) await forgetWords(runFiles(parts.runsDirectory, runId));
  }
}

async function listRunFolders(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
