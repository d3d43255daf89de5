import { readdir } from "node:fs/promises";
import { hasEnded } from "#core/learning.ts";
import type { FileStore } from "#store/file-store.ts";
import { type SettleParts, settleRun } from "./request-training.ts";
import { forgetWords, runFiles } from "./run-files.ts";

const UNFINISHED_RUNS_MAX = 100;

export interface TendParts extends SettleParts {
  readonly runsDirectory: string;
  readonly datasets?: FileStore;
}

/**
 * What kills left behind: runs without a job go on or end, and words of people lie nowhere once their run has ended.
 * Harmless at any time and any number of times.
 */
export async function tendRuns(parts: TendParts): Promise<void> {
  const runs = await parts.learning.listRuns({ limit: UNFINISHED_RUNS_MAX });
  for (const run of runs) await settleRun(parts, run);
  for (const runId of await listRunFolders(parts.runsDirectory)) {
    const run = await parts.learning.findRun(runId);
    if (run === undefined || hasEnded(run.state)) await forgetWords(runFiles(parts.runsDirectory, runId));
  }
  await removeUnneeded(parts);
}

/** Data sets on their way, and this machine's copies of them, whose run has ended meanwhile. */
async function removeUnneeded({ learning, datasets }: TendParts): Promise<void> {
  const digests = (await datasets?.list()) ?? [];
  if (digests.length === 0) return;
  // Read after the list: what was put meanwhile has a run that names it.
  const runs = await learning.listRuns({ limit: UNFINISHED_RUNS_MAX });
  const needed = new Set(runs.filter(({ state }) => !hasEnded(state)).map(({ datasetFile }) => datasetFile));
  for (const digest of digests) if (!needed.has(digest)) await datasets?.remove(digest);
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
