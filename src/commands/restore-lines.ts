import { z } from "zod";
import { type DeletionLogEntry, deletionKey } from "#store/deletion-log.ts";
import { deletionRecord, erasedPlaceRecord } from "#store/record-people.ts";

const Header = z.looseObject({ kind: z.literal("header"), records: z.exactOptional(z.int()) });
const Line = z.object({ kind: z.string(), version: z.int().positive(), record: z.unknown() });
const AdapterPart = z.object({
  state: z.string(),
  datasetHash: z.string(),
  scope: z.object({ workspaceId: z.string() }),
});
const DatasetPart = z.object({ hash: z.string(), sourceTurnIds: z.array(z.string()) });
const TurnPart = z.object({ id: z.string(), status: z.string() });

/** An export's lines with what was erased since it was made, so that the import replays it. Each person and place stands once. */
export async function* mergeDeletions(
  lines: AsyncIterable<string>,
  entries: readonly DeletionLogEntry[],
): AsyncGenerator<string> {
  const waiting = new Map(entries.map((entry) => [deletionKey(entry), entry]));
  let isFirst = true;
  for await (const line of lines) {
    if (isFirst) {
      isFirst = false;
      yield withoutCount(line);
      continue;
    }
    const entry = readEntry(line);
    const logged = entry === undefined ? undefined : waiting.get(deletionKey(entry));
    if (entry === undefined || logged === undefined) {
      yield line;
      continue;
    }
    waiting.delete(deletionKey(entry));
    yield writeEntry(logged.record.atMs > entry.record.atMs ? logged : entry);
  }
  for (const entry of waiting.values()) yield writeEntry(entry);
}

/** By workspace, the turns that adapters of this export learned from and that have their words in it. */
export async function readTaught(
  readLines: () => AsyncIterable<string>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const workspaceOf = new Map<string, string>(); // by data set
  const sources = new Map<string, readonly string[]>();
  for await (const { kind, record } of records(readLines(), ["adapter", "dataset"])) {
    if (kind === "adapter") {
      const { state, datasetHash, scope } = AdapterPart.parse(record);
      if (state !== "retired") workspaceOf.set(datasetHash, scope.workspaceId);
    } else {
      const { hash, sourceTurnIds } = DatasetPart.parse(record);
      sources.set(hash, sourceTurnIds);
    }
  }
  const workspaces = new Map<string, string>(); // by turn
  for (const [hash, workspaceId] of workspaceOf) {
    for (const turnId of sources.get(hash) ?? []) workspaces.set(turnId, workspaceId);
  }
  const taught = new Map<string, string[]>();
  for await (const { record } of records(readLines(), ["turn"])) {
    const { id, status } = TurnPart.parse(record);
    const workspaceId = workspaces.get(id);
    if (workspaceId === undefined || status === "deleted") continue;
    const turnIds = taught.get(workspaceId);
    if (turnIds === undefined) taught.set(workspaceId, [id]);
    else turnIds.push(id);
  }
  return taught;
}

async function* records(lines: AsyncIterable<string>, kinds: readonly string[]) {
  for await (const line of lines) {
    // The kind stands first in every line: others are not read at all.
    if (!kinds.some((kind) => line.startsWith(`{"kind":"${kind}",`))) continue;
    yield Line.parse(JSON.parse(line));
  }
}

function withoutCount(line: string): string {
  const { records: _, ...header } = Header.parse(JSON.parse(line));
  return JSON.stringify(header);
}

function readEntry(line: string): DeletionLogEntry | undefined {
  if (!line.startsWith('{"kind":"deletion",') && !line.startsWith('{"kind":"erased-place",')) return undefined;
  const { kind, version, record } = Line.parse(JSON.parse(line));
  if (kind === "deletion") return { kind, record: deletionRecord.decode("of the backup", version, record) };
  return { kind: "erased-place", record: erasedPlaceRecord.decode("of the backup", version, record) };
}

function writeEntry({ kind, record }: DeletionLogEntry): string {
  const { version } = kind === "deletion" ? deletionRecord : erasedPlaceRecord;
  return JSON.stringify({ kind, version, record });
}
