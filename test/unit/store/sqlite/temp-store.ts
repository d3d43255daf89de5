import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openSqliteStore, type SqliteStore } from "#store/sqlite/open-sqlite-store.ts";

export const RUN_EVENTS_MAX = 40;

/** A folder that goes when the test ends. */
export function makeTempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reactune-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A store of its own file, closed when the test ends. */
export function openTempStore(path = join(makeTempFolder(), "reactune.db")): SqliteStore {
  const store = openSqliteStore({ path, now: () => 1_767_268_800_000, runEventsMax: RUN_EVENTS_MAX });
  onTestFinished(() => store.close());
  return store;
}
