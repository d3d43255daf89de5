import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openFileStore } from "#store/files/file-store.ts";
import { fileStoreContract } from "../../../contract/file-store.ts";

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reactune-files-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

fileStoreContract(() => openFileStore(join(makeFolder(), "adapters"), Date.now));

test("openFileStore() removes copies that a kill left unfinished, not those still going on", async () => {
  const folder = makeFolder();
  const [old, fresh] = ["old.unfinished", "fresh.unfinished"].map((name) => join(folder, name)) as [string, string];
  for (const path of [old, fresh]) writeFileSync(path, "half a fi");
  utimesSync(old, 0, 0);

  const files = await openFileStore(folder, Date.now);

  expect(existsSync(old)).toBe(false);
  expect(existsSync(fresh)).toBe(true);
  expect(await files.list()).toEqual([]);
});
