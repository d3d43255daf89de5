import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { type DeletionLog, type DeletionLogEntry, deletionKey } from "#store/deletion-log.ts";
import { deletionRecord, erasedPlaceRecord } from "#store/record-people.ts";

const Line = z.object({ kind: z.enum(["deletion", "erased-place"]), version: z.int().positive(), record: z.unknown() });

/** One JSON object a line, as in an export. Only ids and times: no word of anybody. */
export function openDeletionLog(path: string): DeletionLog {
  return {
    async append(entry) {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, "a", 0o600);
      try {
        // A line of its own, also behind one that a kill cut short.
        const { size } = await file.stat();
        await file.appendFile(`${size === 0 ? "" : "\n"}${encode(entry)}`);
        await file.sync();
      } finally {
        await file.close();
      }
    },
    async read() {
      const newest = new Map<string, DeletionLogEntry>();
      for (const line of (await readIfThere(path)).split("\n")) {
        const entry = decode(line);
        if (entry === undefined) continue;
        const key = deletionKey(entry);
        const known = newest.get(key);
        if (known === undefined || known.record.atMs < entry.record.atMs) newest.set(key, entry);
      }
      return [...newest.values()];
    },
  };
}

function encode(entry: DeletionLogEntry): string {
  const codec = entry.kind === "deletion" ? deletionRecord : erasedPlaceRecord;
  return JSON.stringify({ kind: entry.kind, version: codec.version, record: entry.record });
}

/** Undefined for a line that a kill cut short: its erasure was not begun. */
function decode(line: string): DeletionLogEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { kind, version, record } = Line.parse(value);
  if (kind === "deletion") return { kind, record: deletionRecord.decode("of the deletion log", version, record) };
  return { kind, record: erasedPlaceRecord.decode("of the deletion log", version, record) };
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}
