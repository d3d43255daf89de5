import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exportArchive, importArchive } from "#commands/archive.ts";
import { ImportInvalidError } from "#core/errors.ts";
import { makeTempFolder, openTempStore } from "../store/sqlite/temp-store.ts";
import { openTrainingWorld } from "../trainer/training-world.ts";
import { recordingOutput } from "./recording-output.ts";

test("exportArchive() writes every record into a file for the owner alone, and importArchive() reads it back", async () => {
  const { store, scope } = await openTrainingWorld({ liked: 3 });
  const path = join(makeTempFolder(), "export.jsonl");
  const { output, printed } = recordingOutput();

  await exportArchive(store.archive, path, output);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const copy = openTempStore();
  await importArchive(copy.archive, path, { isReplacing: false }, output);

  expect(printed[0]).toMatch(new RegExp(`^Wrote \\d+ records to ${path}$`));
  const [, written] = /^Wrote (\d+)/.exec(printed[0] ?? "") ?? [];
  expect(printed[1]).toMatch(new RegExp(`^Read ${written} records: .*3 turn`));
  expect(await copy.learning.readCounts(scope, 0)).toEqual(await store.learning.readCounts(scope, 0));
});

test("exportArchive() does not write over a file", async () => {
  const { archive } = openTempStore();
  const path = join(makeTempFolder(), "export.jsonl");
  writeFileSync(path, "mine");

  await expect(exportArchive(archive, path, recordingOutput().output)).rejects.toThrow(/EEXIST/);
});

test("importArchive() rejects with ImportInvalidError when the file is none of ours", async () => {
  const { archive } = openTempStore();
  const path = join(makeTempFolder(), "export.jsonl");
  writeFileSync(path, "not JSON\n");

  const reading = importArchive(archive, path, { isReplacing: false }, recordingOutput().output);

  await expect(reading).rejects.toThrow(ImportInvalidError);
});
