import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillCache, fillStore } from "#commands/bench-fill.ts";
import type { Output } from "#commands/output.ts";
import type { Config } from "#config/schema.ts";
import type { Log } from "#core/log.ts";
import { openStores } from "./open-stores.ts";

export interface BenchFixture {
  readonly directory: string;
  readonly turns: number;
  readonly scores: number;
  /** The moment that its records are told from. */
  readonly nowMs: number;
  readonly importMs: number;
  readonly records: number;
}

/** Raised when what is in a fixture changes: older ones are made anew. */
const VERSION = 1;
export const CACHE_ENTRIES_A_SCOPE = 5000;
/** Older than this, the window of a data set has moved on. */
const AGE_MAX_MS = 3 * 86_400_000;

/**
 * A data folder with so many turns, kept in the system's temporary folder: to fill it takes minutes. One that was cut short is
 * filled again from the beginning, since an import is all or nothing.
 */
export async function openBenchFixture(
  config: Config,
  { turns, scores }: { readonly turns: number; readonly scores: number },
  log: Log,
  output: Output,
): Promise<BenchFixture> {
  const directory = join(tmpdir(), `reactune-bench-store-${turns}-${scores}`);
  const note = join(directory, "fixture.json");
  const known = await readNote(note);
  if (known !== undefined) return { ...known, directory };
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const nowMs = Date.now();
  const stores = await openStores({ ...config, data: { directory } }, log);
  try {
    const startedAtMs = performance.now();
    const byKind = await fillStore(stores.archive, { turns, scores, nowMs }, (lines) =>
      output.progress(`Filling the store: ${lines.toLocaleString("en")} records read`),
    );
    const importMs = performance.now() - startedAtMs;
    output.progress("Filling the cache");
    await fillCache(stores.cache, Math.min(CACHE_ENTRIES_A_SCOPE, turns), nowMs);
    const records = Array.from(byKind.values()).reduce((sum, count) => sum + count, 0);
    const made = { version: VERSION, turns, scores, nowMs, importMs, records };
    await writeFile(`${note}.unfinished`, JSON.stringify(made));
    await rename(`${note}.unfinished`, note);
    return { ...made, directory };
  } finally {
    await stores.close();
  }
}

async function readNote(path: string): Promise<(BenchFixture & { readonly version: number }) | undefined> {
  try {
    const note = JSON.parse(await readFile(path, "utf8"));
    return note.version === VERSION && Date.now() - note.nowMs < AGE_MAX_MS ? note : undefined;
  } catch {
    return undefined; // none, or half written
  }
}
