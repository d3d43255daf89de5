import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "#core/learning.ts";
import type { FileStore } from "#store/file-store.ts";

/** Where one run keeps what. Words of people lie only in `data`, `tokens` and `replies`, and go when the run ends. */
export interface RunFiles {
  readonly directory: string;
  readonly data: string;
  readonly tokens: string;
  readonly work: string;
  readonly trained: string;
  readonly replies: string;
}

export function runFiles(runsDirectory: string, runId: string): RunFiles {
  const directory = join(runsDirectory, runId);
  return {
    directory,
    data: join(directory, "data"),
    tokens: join(directory, "tokens"),
    work: join(directory, "work"),
    trained: join(directory, "trained.json"),
    replies: join(directory, "replies.json"),
  };
}

/** For a run that has ended: its words go from here and from where another machine would have taken them. */
export async function forgetRun(
  { datasets }: { readonly datasets?: FileStore },
  { datasetFile }: Run,
  files: RunFiles,
): Promise<void> {
  await forgetWords(files);
  if (datasetFile !== undefined) await datasets?.remove(datasetFile);
}

/** Removes everything here that holds people's words; figures, report and the trainer's stderr stay. */
export async function forgetWords(files: RunFiles): Promise<void> {
  for (const path of [files.data, files.tokens, files.work, files.replies])
    await rm(path, { recursive: true, force: true });
}

/** Undefined when the stage has not ended. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

export function toLines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** Rows that this program wrote itself a moment ago, in the same run. */
export async function readLines<Row>(path: string): Promise<readonly Row[]> {
  const text = (await readIfThere(path)) ?? "";
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Row => JSON.parse(line));
}
