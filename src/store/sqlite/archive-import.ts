import { z } from "zod";
import { ImportInvalidError, OperatingError } from "#core/errors.ts";
import type { ImportCounts } from "#store/archive.ts";
import { ARCHIVE_VERSION, countRows } from "./archive-export.ts";
import { cacheVectors } from "./cache-vectors.ts";
import { sqliteCounts } from "./counts.ts";
import { type Erasing, type Erasings, sqliteErasings } from "./erasing.ts";
import { prepareRaiseRevision } from "./settings.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, type Importer, prepareImport, readDocument, type Table } from "./table.ts";
import * as tables from "./tables.ts";
import { sqliteTurnMarks } from "./turn-marks.ts";
import { prepareSaveTurn } from "./turns.ts";

/** The largest true record is a data set with the ids of its turns. */
const LINE_LETTERS_MAX = 8_000_000;

const Header = z.object({ kind: z.literal("header"), version: z.int(), records: z.exactOptional(z.int()) });
const Line = z.object({ kind: z.string(), version: z.int().positive(), record: z.unknown() });

/**
 * All or nothing: lines are checked and laid aside in a temporary table, which blocks nobody; then one transaction takes
 * them over, counts everything again, and erases what the file still has of people, places and turns that were erased.
 */
export async function importRecords(sql: Sql, lines: AsyncIterable<string>, replace: boolean): Promise<ImportCounts> {
  if (!replace) refuseUnlessEmpty(sql);
  const importers = prepareImporters(sql);
  const byKind = await layAside(sql, lines, importers);
  const marks = sqliteTurnMarks(sql);
  const counts = sqliteCounts(sql);
  sql.write(() => {
    if (!replace) refuseUnlessEmpty(sql);
    noteErased(sql);
    clear(sql);
    takeOver(sql, importers);
    markErased(sql);
    prepareRaiseRevision(sql)();
    marks.rebuild();
    counts.rebuild();
    eraseAgain(sql, sqliteErasings(sql, counts, marks));
  });
  return { records: Array.from(byKind.values()).reduce((sum, records) => sum + records, 0), byKind };
}

function prepareImporters(sql: Sql): ReadonlyMap<string, Importer> {
  const importers = [
    prepareImport(sql, tables.permissionTable),
    prepareImport(sql, tables.userChoiceTable),
    prepareImport(sql, tables.deletionTable),
    prepareImport(sql, tables.erasedPlaceTable),
    prepareImport(sql, tables.settingTable),
    prepareImport(sql, tables.installationTable),
    prepareImport(sql, tables.markTable),
    prepareImport(sql, tables.auditEntryTable),
    prepareImport(sql, tables.inboxEventTable),
    prepareImport(sql, tables.conversationTable),
    prepareImport(sql, tables.turnTable, prepareSaveTurn(sql)),
    prepareImport(sql, tables.feedbackTable),
    prepareImport(sql, tables.deliveryTable),
    prepareImport(sql, tables.reportTable),
    prepareImport(sql, tables.datasetTable),
    prepareImport(sql, tables.runTable),
    prepareImport(sql, tables.runEventTable),
    prepareImport(sql, tables.adapterTable),
    prepareImport(sql, tables.serviceTable),
    prepareImport(sql, tables.modelUseTable),
  ];
  return new Map(importers.map((importer) => [importer.kind, importer]));
}

async function layAside(
  sql: Sql,
  lines: AsyncIterable<string>,
  importers: ReadonlyMap<string, Importer>,
): Promise<ReadonlyMap<string, number>> {
  // libsql keeps temporary tables in memory unless told otherwise: a million turns would be 1.8 GB.
  sql.exec("PRAGMA temp_store = FILE");
  sql.exec("CREATE TEMP TABLE aside (kind TEXT, key TEXT, record TEXT, PRIMARY KEY (kind, key)) STRICT");
  const add = sql.prepare(`
    INSERT INTO aside (kind, key, record) VALUES (:kind, :key, :record) ON CONFLICT DO NOTHING`);
  const byKind = new Map<string, number>();
  let expected: number | undefined;
  let number = 0;
  let records = 0;
  for await (const line of lines) {
    number += 1;
    if (number === 1) expected = readHeader(line);
    else if (line.trim() !== "") {
      const { kind, key, record } = readLine(line, number, importers);
      if (add.run({ kind, key, record }) === 0)
        throw new ImportInvalidError(number, `a ${kind} of this id came before`);
      byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
      records += 1;
    }
  }
  if (number === 0) throw new ImportInvalidError(1, "the file is empty");
  if (expected !== undefined && expected !== records) {
    throw new ImportInvalidError(number, `the header tells of ${expected} records and there are ${records}`);
  }
  return byKind;
}

function readHeader(line: string): number | undefined {
  const header = Header.safeParse(parseJson(line, 1));
  if (!header.success) throw new ImportInvalidError(1, "it is no header of an export", { cause: header.error });
  const { version, records } = header.data;
  if (version > ARCHIVE_VERSION) {
    throw new ImportInvalidError(
      1,
      `the format's version is ${version} and this program knows up to ${ARCHIVE_VERSION}`,
    );
  }
  return records;
}

function readLine(line: string, number: number, importers: ReadonlyMap<string, Importer>) {
  const parsed = Line.safeParse(parseJson(line, number));
  if (!parsed.success)
    throw new ImportInvalidError(number, "kind, version or record is missing", { cause: parsed.error });
  const { kind, version, record } = parsed.data;
  const importer = importers.get(kind);
  if (importer === undefined) throw new ImportInvalidError(number, `"${kind.slice(0, 40)}" is no kind of record`);
  try {
    return { kind, ...importer.read(`of line ${number}`, version, record) };
  } catch (cause) {
    if (!(cause instanceof OperatingError)) throw cause;
    throw invalid(number, cause.message, cause);
  }
}

function parseJson(line: string, number: number): unknown {
  if (line.length > LINE_LETTERS_MAX) {
    throw new ImportInvalidError(number, `it has ${line.length} characters and the limit is ${LINE_LETTERS_MAX}`);
  }
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw invalid(number, "it is not JSON", cause);
  }
}

function invalid(number: number, why: string, cause: unknown): ImportInvalidError {
  return new ImportInvalidError(number, why, { cause });
}

function refuseUnlessEmpty(sql: Sql): void {
  const full = tables.RECORD_TABLES.find(({ name }) => countRows(sql, name) > 0);
  if (full === undefined) return;
  throw new ImportInvalidError(1, `the store is not empty (it has a ${full.record.kind}) and was not to be replaced`);
}

/** What was erased one by one or by its age is in no record but the turn itself. */
function noteErased(sql: Sql): void {
  sql.exec("CREATE TEMP TABLE erased_here AS SELECT id FROM turn WHERE is_erased = 1");
}

const DERIVED = ["turn_message", "turn_example", "turn_vector", "cache_entry"];

/** Deletions stay: whoever restores an older export must still erase those people's words from it. */
function clear(sql: Sql): void {
  const kept: readonly string[] = [tables.deletionTable.name, tables.erasedPlaceTable.name];
  const replaced = tables.RECORD_TABLES.map(({ name }) => name).filter((name) => !kept.includes(name));
  for (const name of [...replaced, ...DERIVED]) {
    sql.exec(`DELETE FROM ${name}`);
  }
  cacheVectors(sql).forgetAll();
}

function takeOver(sql: Sql, importers: ReadonlyMap<string, Importer>): void {
  const page = sql.prepare<{ key: string; record: string }>(
    "SELECT key, record FROM aside WHERE kind = :kind AND key > :after ORDER BY key LIMIT 500",
  );
  for (const [kind, importer] of importers) {
    for (let after = ""; ; ) {
      const rows = page.all({ kind, after });
      for (const { record } of rows) importer.write(record);
      const last = rows.at(-1);
      if (last === undefined) break;
      after = last.key;
    }
  }
}

/** The flag that keeps words away is not in the records: it follows from what they lack. */
function markErased(sql: Sql): void {
  sql.exec(`UPDATE turn SET is_erased = 1
    WHERE status = 'deleted' AND document ->> '$.question' = '' AND document ->> '$.reply' = ''`);
  sql.exec("UPDATE conversation SET is_erased = 1 WHERE document ->> '$.title' = ''");
}

function eraseAgain(sql: Sql, erasings: Erasings): void {
  const run = (erasing: Erasing) => {
    for (const _ of erasing);
  };
  for (const deletion of readAll(sql, tables.deletionTable)) run(erasings.erasePerson(deletion, deletion.atMs));
  for (const place of readAll(sql, tables.erasedPlaceTable)) run(erasings.erasePlace(place, place.atMs));
  const here = sql.prepare<{ id: string }>("SELECT id FROM erased_here JOIN turn USING (id) WHERE is_erased = 0").all();
  run(erasings.erase(here.map(({ id }) => id)));
}

function readAll<T>(sql: Sql, table: Table<T>): readonly T[] {
  const rows = sql.prepare<DocumentRow>(`SELECT version, document FROM ${table.name}`).all();
  return rows.map((row) => readDocument(table, "of a list", row));
}
