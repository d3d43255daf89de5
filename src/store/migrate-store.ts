import { createHash } from "node:crypto";
import { MigrationFailedError } from "#core/errors.ts";
import type { Archive } from "./archive.ts";
import type { FileStore } from "./file-store.ts";
import * as chatRecords from "./record-chat.ts";
import type { RecordKind } from "./record-codec.ts";
import * as learningRecords from "./record-learning.ts";
import * as peopleRecords from "./record-people.ts";

export interface MigrationSide {
  readonly archive: Archive;
  /** Adapters; on both sides, or on none where they share a folder. */
  readonly files?: FileStore;
}

export interface MigrationOptions {
  /** Reads and checks everything on the old side, and changes nothing on the new one. */
  readonly isDryRun: boolean;
  /** Else a store that is not empty is refused. */
  readonly isReplacing?: boolean;
  /** `done` of `total` records or files; `total` is undefined while it is not known. */
  readonly tell?: (phase: MigrationPhase, done: number, total: number | undefined) => void;
}

export type MigrationPhase = "copying" | "comparing" | "files";

export interface MigrationReport {
  readonly records: number;
  readonly kinds: ReadonlyMap<string, KindFigures>;
  readonly files: number;
  readonly fileBytes: number;
}

export interface KindFigures {
  readonly records: number;
  /** The same for the same records in any order. */
  readonly hash: string;
}

const KINDS = new Map(
  [...Object.values(chatRecords), ...Object.values(learningRecords), ...Object.values(peopleRecords)].map(
    (record): readonly [string, RecordKind<unknown>] => [record.kind, record as RecordKind<unknown>],
  ),
);

/**
 * Moves everything from one store into another, over their archives, and then reads it back: counts and hashes of every kind of record
 * must be equal. The old store is only read; nobody should write to it meanwhile. Rejects with MigrationFailedError when something
 * differs, and as `importLines` does when the new store is not empty.
 */
export async function migrateStore(
  from: MigrationSide,
  to: MigrationSide,
  options: MigrationOptions,
): Promise<MigrationReport> {
  const { isDryRun, isReplacing = false, tell = () => undefined } = options;
  const read = new Figures((done, total) => tell("copying", done, total));
  const lines = read.watch(from.archive.exportLines());
  if (isDryRun) for await (const _ of lines);
  else await to.archive.importLines(lines, { replace: isReplacing });
  const files = await moveFiles(from.files, isDryRun ? undefined : to.files, tell);
  const kinds = read.result();
  if (!isDryRun) await compare(kinds, to.archive, tell);
  return { records: Array.from(kinds.values()).reduce((sum, { records }) => sum + records, 0), kinds, ...files };
}

async function compare(
  before: ReadonlyMap<string, KindFigures>,
  archive: Archive,
  tell: NonNullable<MigrationOptions["tell"]>,
): Promise<void> {
  const written = new Figures((done, total) => tell("comparing", done, total));
  for await (const _ of written.watch(archive.exportLines()));
  const after = written.result();
  const differing = [...new Set([...before.keys(), ...after.keys()])].filter((kind) => {
    const [old, now] = [before.get(kind), after.get(kind)];
    return old?.records !== now?.records || old?.hash !== now?.hash;
  });
  if (differing.length === 0) return;
  const told = differing.map(
    (kind) => `${kind} (${before.get(kind)?.records ?? 0} -> ${after.get(kind)?.records ?? 0})`,
  );
  throw new MigrationFailedError(told.join(", "));
}

/** The hash of every file is checked where it is read and where it is written. */
async function moveFiles(
  from: FileStore | undefined,
  to: FileStore | undefined,
  tell: NonNullable<MigrationOptions["tell"]>,
): Promise<{ readonly files: number; readonly fileBytes: number }> {
  const digests = (await from?.list()) ?? [];
  let fileBytes = 0;
  for (const [index, digest] of digests.entries()) {
    const file = await from?.open(digest);
    if (file === undefined) throw new MigrationFailedError(`the file "${digest}", which went meanwhile`);
    if (to !== undefined && (await to.put(file.path)).digest !== digest) {
      throw new MigrationFailedError(`the file "${digest}"`);
    }
    fileBytes += file.bytes;
    tell("files", index + 1, digests.length);
  }
  return { files: digests.length, fileBytes };
}

/** Adds up what passes through: sums of hashes, so that the order says nothing. */
class Figures {
  readonly #kinds = new Map<string, { records: number; sum: bigint }>();
  readonly #tell: (done: number, total: number | undefined) => void;

  constructor(tell: (done: number, total: number | undefined) => void) {
    this.#tell = tell;
  }

  async *watch(lines: AsyncIterable<string>): AsyncGenerator<string> {
    let total: number | undefined;
    let done = 0;
    for await (const line of lines) {
      const { kind, version, record, records } = JSON.parse(line) as ArchiveLine;
      if (kind === "header") total = records;
      else {
        this.#add(kind, version, record);
        done += 1;
        this.#tell(done, total);
      }
      yield line;
    }
  }

  /** As this program would write it, whatever version wrote it. */
  #add(kind: string, version: number, record: unknown): void {
    const codec = KINDS.get(kind);
    const text =
      codec === undefined ? JSON.stringify(record) : codec.encode(codec.decode("of an export", version, record));
    const hash = BigInt(`0x${createHash("sha256").update(text).digest("hex")}`);
    const known = this.#kinds.get(kind) ?? { records: 0, sum: 0n };
    this.#kinds.set(kind, { records: known.records + 1, sum: BigInt.asUintN(256, known.sum + hash) });
  }

  result(): ReadonlyMap<string, KindFigures> {
    return new Map(
      Array.from(this.#kinds, ([kind, { records, sum }]) => [
        kind,
        { records, hash: sum.toString(16).padStart(64, "0") },
      ]),
    );
  }
}

interface ArchiveLine {
  readonly kind: string;
  readonly version: number;
  readonly record: unknown;
  readonly records?: number;
}
