import { createWriteStream } from "node:fs";
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { BackupTargetError } from "#core/errors.ts";
import type { Archive } from "#store/archive.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { DeletionLog } from "#store/deletion-log.ts";
import { forgetTurns, type WithdrawParts } from "#trainer/withdraw-adapters.ts";
import {
  adapterFileName,
  type BackupManifest,
  digestOfName,
  packBackup,
  RECORDS_FILE,
  stageFile,
  unpackBackup,
} from "./backup-file.ts";
import { countOf, describeBytes, type Output, printJson } from "./output.ts";
import { readLines } from "./read-lines.ts";
import { mergeDeletions, readTaught } from "./restore-lines.ts";

export interface BackupParts extends WithdrawParts {
  readonly archive: Archive;
  readonly chat: Pick<ChatStore, "findTurn">;
  readonly deletions: DeletionLog;
  readonly program: string;
  /** Where files may lie for a while; people's words are in them. */
  readonly workFolder: string;
}

/** `reactune backup <file>`: everything that cannot be made again, adapters too, in one file. */
export async function writeBackup(
  parts: BackupParts,
  path: string,
  options: { readonly isJson: boolean },
  output: Output,
): Promise<void> {
  if (await isThere(path)) throw new BackupTargetError(path);
  const manifest = await inWorkFolder(parts.workFolder, async (folder) => {
    const records = await stageRecords(parts.archive, join(folder, RECORDS_FILE), output);
    // After the records: an adapter that is stored meanwhile has a file that no record names, which harms nobody.
    const names = [RECORDS_FILE, ...(await stageAdapters(parts, folder, output))];
    output.progress("Packing");
    return packBackup(folder, names, { program: parts.program, nowMs: parts.now(), records }, path);
  });
  if (options.isJson) printJson(output, { path, ...manifest });
  else output.print(`Wrote ${path}: ${describeBackup(manifest)}`);
}

export interface RestoreOptions {
  readonly isReplacing: boolean;
  readonly isDryRun: boolean;
  readonly isJson: boolean;
}

/**
 * `reactune restore <file>`: everything is checked before anything changes. What was erased since the backup is erased again, and
 * adapters that learned from it come back retired, without their files.
 */
export async function restoreBackup(
  parts: BackupParts,
  path: string,
  options: RestoreOptions,
  output: Output,
): Promise<void> {
  await inWorkFolder(parts.workFolder, async (folder) => {
    output.progress("Checking the backup");
    const manifest = await unpackBackup(path, folder);
    const tell = (done: string, more: object) => {
      if (options.isJson) printJson(output, { ...manifest, ...more });
      else output.print(`${done} ${describeBackup(manifest)}`);
    };
    if (options.isDryRun) {
      tell("Nothing was changed. The backup is whole:", { isDryRun: true });
      return;
    }
    const lines = () => readLines(join(folder, RECORDS_FILE), { isZipped: true });
    const taught = await readTaught(lines);
    for (const { name } of manifest.files) {
      if (digestOfName(name) === undefined) continue;
      output.progress(`Adapter ${name}`);
      await parts.files.put(join(folder, name));
    }
    output.progress(`${manifest.records} records`);
    const merged = mergeDeletions(lines(), await parts.deletions.read());
    await parts.archive.importLines(merged, { replace: options.isReplacing });
    const forgotten = await forgetAgain(parts, taught);
    tell("Restored", { forgottenTurns: forgotten });
    if (forgotten > 0 && !options.isJson) {
      output.print(`Erased since the backup, and erased again: ${forgotten} turns that an adapter had learned from`);
    }
  });
}

async function forgetAgain(parts: BackupParts, taught: ReadonlyMap<string, readonly string[]>): Promise<number> {
  let forgotten = 0;
  for (const [workspaceId, turnIds] of taught) {
    const erased: string[] = [];
    for (const turnId of turnIds) {
      const turn = await parts.chat.findTurn(turnId);
      if (turn === undefined || turn.status === "deleted") erased.push(turnId);
    }
    forgotten += erased.length;
    await forgetTurns(parts, workspaceId, erased, { by: "restore", reason: "erased since the backup was made" });
  }
  for (const { digest, state } of await parts.learning.listAdapters()) {
    if (state === "retired") await parts.files.remove(digest);
  }
  return forgotten;
}

async function stageRecords(archive: Archive, path: string, output: Output): Promise<number> {
  let records = -1; // the first line is the header
  async function* lines(): AsyncGenerator<string> {
    for await (const line of archive.exportLines()) {
      records++;
      if (records % 1000 === 0) output.progress(`${records} records`);
      yield `${line}\n`;
    }
  }
  await pipeline(Readable.from(lines()), createGzip(), createWriteStream(path, { mode: 0o600 }));
  return records;
}

async function stageAdapters(parts: BackupParts, folder: string, output: Output): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { digest, state } of await parts.learning.listAdapters()) {
    const file = state === "retired" ? undefined : await parts.files.open(digest);
    if (file === undefined || names.includes(adapterFileName(digest))) continue;
    output.progress(`Adapter ${digest.slice(0, 12)}, ${describeBytes(file.bytes)}`);
    await stageFile(file.path, folder, adapterFileName(digest));
    names.push(adapterFileName(digest));
  }
  return names;
}

async function inWorkFolder<T>(workFolder: string, act: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(workFolder, { recursive: true });
  const folder = await mkdtemp(join(workFolder, "backup-"));
  try {
    return await act(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function describeBackup({ records, files, createdAt }: BackupManifest): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return `${countOf(records, "record")} and ${countOf(files.length - 1, "adapter")}, ${describeBytes(bytes)}, of ${createdAt}`;
}
