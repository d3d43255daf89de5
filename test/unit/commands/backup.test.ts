import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, extract } from "tar";
import { expect, test } from "vitest";
import { type BackupParts, restoreBackup, writeBackup } from "#commands/backup.ts";
import { BackupInvalidError, BackupTargetError, ImportInvalidError } from "#core/errors.ts";
import { openDeletionLog } from "#store/files/deletion-log.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";
import { openTrainingWorld } from "../trainer/training-world.ts";
import { recordingOutput } from "./recording-output.ts";

const RESTORE = { isReplacing: false, isDryRun: false, isJson: false };
const JSON_LINES = { isJson: true };

async function openWorld(liked: number) {
  const world = await openTrainingWorld({ liked });
  const { store, files, folder, request } = world;
  const { output, printed } = recordingOutput();
  const parts: BackupParts = {
    ...store,
    ...request,
    files,
    deletions: openDeletionLog(join(folder, "deletions.jsonl")),
    program: "0.0.0",
    workFolder: join(folder, "work"),
  };
  const turnIds = (await store.privacy.exportPerson(world.scope.workspaceId, "ana")).turns.map(({ id }) => id);
  return {
    ...world,
    parts,
    output,
    printed,
    path: join(makeTempFolder(), "backup.tar"),
    turnIds,
    async learnFrom(name: string, sourceTurnIds: readonly string[]) {
      const hash = name.repeat(64).slice(0, 64);
      const counts = { days: 30, train: 1, valid: 0, negatives: 0, pairs: 0, liked: 1, corrected: 0, servedAgain: 0 };
      const { learning } = store;
      await learning.saveDataset({ ...counts, hash, scope: world.scope, createdAtMs: 1, dropped: [], sourceTurnIds });
      return world.makeAdapter(`GGUF ${name}`, { datasetHash: hash });
    },
  };
}

/** Everything that an export tells, but for the moment it was made. */
async function recordsOf({ archive }: Pick<BackupParts, "archive">): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of archive.exportLines()) lines.push(line);
  return lines.slice(1).sort();
}

test("restoreBackup() brings every record and adapter back that writeBackup() wrote", async () => {
  const from = await openWorld(4);
  const digest = await from.learnFrom("a", from.turnIds);
  const to = await openWorld(0);

  await writeBackup(from.parts, from.path, { isJson: false }, from.output);
  await restoreBackup(to.parts, from.path, RESTORE, to.output);

  expect(from.printed).toEqual([expect.stringMatching(/^Wrote .*backup.tar: \d+ records and 1 adapter, /)]);
  expect(statSync(from.path).mode & 0o777).toBe(0o600);
  expect(await recordsOf(to.parts)).toEqual(await recordsOf(from.parts));
  expect(readFileSync((await to.files.open(digest))?.path ?? "", "utf8")).toBe("GGUF a");
  // No word of anybody is left beside the data.
  expect([from, to].flatMap(({ parts }) => readdirSync(parts.workFolder))).toEqual([]);
});

test("restoreBackup() does not bring back who was erased since, nor an adapter that learned from them", async () => {
  const from = await openWorld(4);
  const tainted = await from.learnFrom("a", from.turnIds);
  const clean = await from.learnFrom("b", ["somebody-else"]);
  const { workspaceId } = from.scope;
  await writeBackup(from.parts, from.path, { isJson: false }, from.output);
  const to = await openWorld(0);
  // The store is lost; the file beside it is not.
  await to.parts.deletions.append({ kind: "deletion", record: { workspaceId, userId: "ana", atMs: from.clock.nowMs } });

  await restoreBackup(to.parts, from.path, { ...RESTORE, ...JSON_LINES }, to.output);

  const person = await to.store.privacy.exportPerson(workspaceId, "ana");
  expect(person.turns.filter(({ question, reply }) => question !== "" || reply !== "")).toEqual([]);
  expect(JSON.parse(to.printed[0] ?? "")).toMatchObject({ forgottenTurns: from.turnIds.length });
  expect((await to.store.learning.listAdapters()).map((adapter) => [adapter.digest, adapter.state])).toEqual(
    expect.arrayContaining([
      [tainted, "retired"],
      [clean, "candidate"],
    ]),
  );
  expect([await to.files.has(tainted), await to.files.has(clean)]).toEqual([false, true]);
});

test("restoreBackup() keeps what a person said after they were erased", async () => {
  const from = await openWorld(2);
  const { workspaceId } = from.scope;
  await writeBackup(from.parts, from.path, { isJson: false }, from.output);
  const to = await openWorld(0);
  await to.parts.deletions.append({ kind: "deletion", record: { workspaceId, userId: "ana", atMs: 1 } });

  await restoreBackup(to.parts, from.path, RESTORE, to.output);

  expect((await to.store.privacy.exportPerson(workspaceId, "ana")).turns.map(({ id }) => id)).toEqual(from.turnIds);
});

test("restoreBackup() changes nothing on a dry run, and refuses a store that is not empty", async () => {
  const from = await openWorld(2);
  await writeBackup(from.parts, from.path, { isJson: false }, from.output);
  const to = await openWorld(1);
  const before = await recordsOf(to.parts);

  await restoreBackup(to.parts, from.path, { ...RESTORE, isDryRun: true }, to.output);
  await expect(restoreBackup(to.parts, from.path, RESTORE, to.output)).rejects.toThrow(ImportInvalidError);

  expect(to.printed).toEqual([expect.stringMatching(/^Nothing was changed. The backup is whole: \d+ records/)]);
  expect(await recordsOf(to.parts)).toEqual(before);
});

test("writeBackup() does not write over a file", async () => {
  const { parts, path, output } = await openWorld(0);
  writeFileSync(path, "mine");

  await expect(writeBackup(parts, path, { isJson: false }, output)).rejects.toThrow(BackupTargetError);
  expect(readFileSync(path, "utf8")).toBe("mine");
});

test.each([
  { what: "no tar file", damage: (path: string) => writeFileSync(path, "x".repeat(5000)) },
  { what: "a file cut short", damage: (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 3000)) },
  {
    what: "an adapter with one byte changed",
    damage: (path: string) => repack(path, (folder) => writeFileSync(join(folder, oneAdapter(folder)), "GGUF b")),
  },
  {
    what: "a file of a strange name",
    damage: (path: string) => repack(path, (folder) => writeFileSync(join(folder, "adapters", "x.sh"), "rm")),
  },
])(
  "restoreBackup() rejects with BackupInvalidError when it is given $what, and restores nothing",
  async ({ damage }) => {
    const from = await openWorld(1);
    await from.learnFrom("a", []);
    await writeBackup(from.parts, from.path, { isJson: false }, from.output);
    const to = await openWorld(0);

    await damage(from.path);

    await expect(restoreBackup(to.parts, from.path, RESTORE, to.output)).rejects.toThrow(BackupInvalidError);
    expect(await recordsOf(to.parts)).toEqual([]);
    expect(await to.files.list()).toEqual([]);
  },
);

function oneAdapter(folder: string): string {
  return join("adapters", readdirSync(join(folder, "adapters"))[0] ?? "");
}

async function repack(path: string, change: (folder: string) => void): Promise<void> {
  const folder = makeTempFolder();
  await extract({ file: path, cwd: folder });
  change(folder);
  await create({ file: path, cwd: folder }, readdirSync(folder));
  expect(existsSync(path)).toBe(true);
}

/** Of util-linux. */
const LIMITER = "prlimit";

// A full disk without one: the kernel refuses what would make a file larger than that.
test.skipIf(process.platform !== "linux")(
  "writeBackup() leaves no half of a backup behind when its disk is full",
  async () => {
    const { parts, path, output, makeAdapter } = await openWorld(0);
    await makeAdapter("GGUF".repeat(32_768));
    const limit = (bytes: string) => execFileSync(LIMITER, ["--pid", `${process.pid}`, `--fsize=${bytes}:`]);
    limit("65536");
    try {
      await expect(writeBackup(parts, path, JSON_LINES, output)).rejects.toMatchObject({ code: "EFBIG" });
    } finally {
      limit("unlimited");
    }

    expect(existsSync(path)).toBe(false);
  },
);
