import type { Connection, Model } from "mongoose";
import { ImportInvalidError } from "#core/errors.ts";
import type { Feedback } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { ImportCounts } from "#store/archive.ts";
import { type ArchiveLine, readArchiveLines } from "#store/archive-lines.ts";
import { feedbackRecord } from "#store/record-chat.ts";
import type { RecordKind } from "#store/record-codec.ts";
import type { Collections } from "./collections.ts";
import { keyOf, keyText } from "./keys.ts";
import { recordsOf } from "./record-list.ts";
import { insertRows, openModel } from "./records.ts";

/** The largest true record is a data set with the ids of its turns. A letter takes at most 3 bytes, and a document 16 MB. */
const LINE_LETTERS_MAX = 5_000_000;
const PAGE_RECORDS = 500;
const PAGE_LETTERS = 4_000_000;

/** A record that was read and checked, and waits for the others. */
export interface AsideRow {
  readonly _id: string;
  /** `_id` once more, see records.ts. */
  readonly key: string;
  readonly kind: string;
  readonly line: number;
  /** Of feedback and of turns. */
  readonly turn: string | null;
  readonly record: string;
}

export function openAside(connection: Connection): Model<AsideRow> {
  return openModel<AsideRow>(connection, "import_aside", {
    key: String,
    kind: String,
    line: Number,
    turn: String,
    record: String,
  });
}

interface Reader {
  readonly record: RecordKind<unknown>;
  keyOf(record: unknown): string;
}

/** Checks all lines and lays their records aside; nothing else is changed. */
export async function layAside(
  rows: Collections,
  aside: Model<AsideRow>,
  lines: AsyncIterable<string>,
): Promise<ImportCounts> {
  await aside.deleteMany({});
  await aside.collection.createIndex({ kind: 1, key: 1 });
  await aside.collection.createIndex({ kind: 1, turn: 1 });
  const readers = readersOf(rows);
  const byKind = new Map<string, number>();
  let page: AsideRow[] = [];
  let letters = 0;
  let records = 0;
  for await (const row of readArchiveLines(lines, LINE_LETTERS_MAX, (line) => readRow(line, readers))) {
    page.push(row);
    letters += row.record.length;
    byKind.set(row.kind, (byKind.get(row.kind) ?? 0) + 1);
    records += 1;
    if (page.length < PAGE_RECORDS && letters < PAGE_LETTERS) continue;
    await addPage(aside, page);
    page = [];
    letters = 0;
  }
  await addPage(aside, page);
  await refuseLostFeedback(aside);
  return { records, byKind };
}

function readersOf(rows: Collections): ReadonlyMap<string, Reader> {
  const readers = recordsOf(rows).map(({ table }): Reader => ({ record: table.record, keyOf: table.idOf }));
  const feedback: Reader = {
    record: feedbackRecord as RecordKind<unknown>,
    keyOf: (record) => keyOf((record as Feedback).turnId, (record as Feedback).userId),
  };
  return new Map([...readers, feedback].map((reader) => [reader.record.kind, reader]));
}

function readRow(
  { number, kind, version, record: given }: ArchiveLine,
  readers: ReadonlyMap<string, Reader>,
): AsideRow | undefined {
  const reader = readers.get(kind);
  if (reader === undefined) return undefined;
  const record = reader.record.decode(`of line ${number}`, version, given);
  const turn =
    kind === "feedback" ? keyText((record as Feedback).turnId) : kind === "turn" ? keyText((record as Turn).id) : null;
  const _id = keyOf(kind, reader.keyOf(record));
  return { _id, key: _id, kind, line: number, turn, record: JSON.stringify(record) };
}

async function addPage(aside: Model<AsideRow>, page: readonly AsideRow[]): Promise<void> {
  const seen = new Set<string>();
  for (const { _id, kind, line } of page) {
    if (seen.has(_id)) throw new ImportInvalidError(line, `a ${kind} of this id came before`);
    seen.add(_id);
  }
  const known =
    page.length === 0 ? [] : await aside.find({ _id: { $in: [...seen] } }, { _id: 1 }).lean<{ _id: string }[]>();
  const ids = new Set(known.map(({ _id }) => _id));
  const twice = page.find(({ _id }) => ids.has(_id));
  if (twice !== undefined) throw new ImportInvalidError(twice.line, `a ${twice.kind} of this id came before`);
  await insertRows(aside, page);
}

/** Feedback is kept in its turn. */
async function refuseLostFeedback(aside: Model<AsideRow>): Promise<void> {
  for await (const page of pagesOf(aside, { kind: "feedback" })) {
    const turns = page.map(({ turn }) => turn);
    const found = await aside
      .find({ kind: "turn", turn: { $in: turns } }, { turn: 1 })
      .lean<Pick<AsideRow, "turn">[]>();
    const known = new Set(found.map(({ turn }) => turn));
    const lost = page.find(({ turn }) => !known.has(turn));
    if (lost !== undefined) throw new ImportInvalidError(lost.line, "its turn is not among the records");
  }
}

/** By key, page after page. */
export async function* pagesOf(aside: Model<AsideRow>, filter: object): AsyncGenerator<readonly AsideRow[]> {
  for (let after: object = {}; ; ) {
    const page = await aside
      .find({ ...filter, ...after })
      .sort({ key: 1 })
      .limit(PAGE_RECORDS)
      .lean<AsideRow[]>();
    if (page.length === 0) return;
    yield page;
    after = { key: { $gt: page.at(-1)?.key } };
  }
}
