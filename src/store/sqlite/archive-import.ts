import { existsSync } from "node:fs";
import { ImportInvalidError } from "#core/errors.ts";
import type { ImportCounts } from "#store/archive.ts";
import { type Aside, asidePath, layAside, openAside, removeAside } from "./archive-aside.ts";
import { countRows, IMPORT_KEY } from "./archive-export.ts";
import { cacheVectors } from "./cache-vectors.ts";
import { sqliteCounts } from "./counts.ts";
import { type Erasing, sqliteErasings } from "./erasing.ts";
import { type FillKind, fillKinds, importersOf } from "./import-kinds.ts";
import { prepareRaiseRevision } from "./settings.ts";
import { shortWrites } from "./short-writes.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, readDocument, type Table } from "./table.ts";
import * as tables from "./tables.ts";
import { sqliteTurnMarks } from "./turn-marks.ts";

/**
 * All or nothing, in writes so short that a bot goes on beside it. Lines are checked and laid aside in a file of their own first; from
 * then on the import is always brought to its end, by the next start if need be. What is there is cleared, then the records are taken
 * over, each write with its counts and how far it came; what was erased of people, places and turns is erased again.
 */
export async function importRecords(sql: Sql, lines: AsyncIterable<string>, replace: boolean): Promise<ImportCounts> {
  if (!replace) refuseUnlessEmpty(sql);
  const byKind = await layAside(sql.path, lines, importersOf(sql));
  try {
    sql.write(() => {
      if (!replace) refuseUnlessEmpty(sql);
      progressOf(sql).set(CLEARING);
    });
  } catch (error) {
    await removeAside(sql.path);
    throw error;
  }
  await endImport(sql);
  return { records: Array.from(byKind.values()).reduce((sum, records) => sum + records, 0), byKind };
}

/** Ends an import that was killed after its last line was checked; one that was killed before leaves nothing. */
export async function endImport(sql: Sql): Promise<void> {
  const progress = progressOf(sql);
  if (progress.get() !== undefined && existsSync(asidePath(sql.path))) {
    const aside = openAside(sql.path);
    try {
      await takeOver(sql, aside);
    } finally {
      aside.close();
    }
  }
  if (progress.get() !== undefined) progress.remove();
  await removeAside(sql.path);
}

/** How far an import came that has not ended; undefined when there is none. */
export function importProgress(sql: Sql): number | undefined {
  return progressOf(sql).get();
}

const CLEARING = 0;
/** Positions of one kind: more records than any store has. */
const POSITIONS = 2 ** 40;

/** How far it came, in the same write as what it wrote: `kind * POSITIONS + taken`, kinds from 1. */
function progressOf(sql: Sql) {
  const get = sql.prepare<{ at: number }>("SELECT at FROM cursor WHERE key = :key");
  const set = sql.prepare("INSERT INTO cursor (key, at) VALUES (:key, :at) ON CONFLICT DO UPDATE SET at = excluded.at");
  const remove = sql.prepare("DELETE FROM cursor WHERE key = :key");
  return {
    get: () => get.get({ key: IMPORT_KEY })?.at,
    set: (at: number) => void set.run({ key: IMPORT_KEY, at }),
    remove: () => void remove.run({ key: IMPORT_KEY }),
  };
}

async function takeOver(sql: Sql, aside: Aside): Promise<void> {
  const progress = progressOf(sql);
  const { small, large } = fillKinds(sql);
  if (progress.get() === CLEARING) {
    await clear(sql, aside);
    sql.write(() => {
      clearRest(sql);
      for (const kind of small) for (const record of aside.records(kind.kind, 0)) kind.write(record);
      prepareRaiseRevision(sql)();
      progress.set(POSITIONS);
    });
  }
  for (const [index, kind] of large.entries()) {
    const at = progress.get() ?? 0;
    if (Math.floor(at / POSITIONS) !== index + 1) continue;
    await fill(sql, aside, kind, at % POSITIONS, (taken) => progress.set((index + 1) * POSITIONS + taken));
    // Nobody learns from a turn before it has feedback.
    if (kind.kind === tables.turnTable.record.kind) await eraseAgain(sql, aside);
    progress.set((index + 2) * POSITIONS);
  }
  await eraseAgain(sql, aside);
}

async function fill(
  sql: Sql,
  aside: Aside,
  kind: FillKind,
  from: number,
  note: (taken: number) => void,
): Promise<void> {
  const records = aside.records(kind.kind, from);
  let taken = from;
  await shortWrites(sql, {
    next() {
      const { value, done } = records.next();
      if (done === true) return false;
      kind.write(value);
      taken += 1;
      return true;
    },
    atEnd: () => note(taken),
  });
}

function refuseUnlessEmpty(sql: Sql): void {
  const full = tables.RECORD_TABLES.find(({ name }) => countRows(sql, name) > 0);
  if (full === undefined) return;
  throw new ImportInvalidError(1, `the store is not empty (it has a ${full.record.kind}) and was not to be replaced`);
}

/** Large ones; what points at others goes first. */
const CLEARED_IN_PARTS = [
  "cache_entry",
  "turn_vector",
  "feedback",
  "delivery",
  "inbox_event",
  "turn_message",
  "turn_example",
  "turn",
  "conversation",
  "run_event",
  "audit_entry",
  "count_rater",
  "count_rater_day",
  "count_conversation",
  "count_day",
];

const CLEARED_PER_STEP = 20;

async function clear(sql: Sql, aside: Aside): Promise<void> {
  for (const name of CLEARED_IN_PARTS) {
    const next = name === tables.turnTable.name ? prepareClearTurns(sql, aside) : prepareClearSome(sql, name);
    await shortWrites(sql, { next });
  }
}

function prepareClearSome(sql: Sql, name: string): () => boolean {
  const keys = sql
    .prepare<{ name: string }>(`SELECT name FROM pragma_table_info('${name}') WHERE pk > 0 ORDER BY pk`)
    .all()
    .map((row) => row.name)
    .join(", ");
  const remove = sql.prepare(
    `DELETE FROM ${name} WHERE (${keys}) IN (SELECT ${keys} FROM ${name} LIMIT ${CLEARED_PER_STEP})`,
  );
  return () => remove.run() > 0;
}

/** What was erased one by one or by its age is in no record but the turn itself: it is noted before that goes. */
function prepareClearTurns(sql: Sql, aside: Aside): () => boolean {
  const list = sql.prepare<{ id: string; is_erased: number }>(
    `SELECT id, is_erased FROM turn LIMIT ${CLEARED_PER_STEP}`,
  );
  const remove = sql.prepare("DELETE FROM turn WHERE id = :id");
  return () => {
    const rows = list.all();
    aside.noteErased(rows.filter((row) => row.is_erased === 1).map(({ id }) => id));
    for (const { id } of rows) remove.run({ id });
    return rows.length > 0;
  };
}

/** Deletions stay: whoever restores an older export must still erase those people's words from it. */
function clearRest(sql: Sql): void {
  const kept: readonly string[] = [tables.deletionTable.name, tables.erasedPlaceTable.name];
  const replaced = tables.RECORD_TABLES.map(({ name }) => name).filter((name) => !kept.includes(name));
  for (const name of new Set([...replaced, ...CLEARED_IN_PARTS])) sql.exec(`DELETE FROM ${name}`);
  cacheVectors(sql).forgetAll();
}

async function eraseAgain(sql: Sql, aside: Aside): Promise<void> {
  const counts = sqliteCounts(sql);
  const erasings = sqliteErasings(sql, counts, sqliteTurnMarks(sql));
  const run = (erasing: Erasing) => shortWrites(sql, { next: () => erasing.next().done !== true });
  for (const deletion of readAll(sql, tables.deletionTable)) await run(erasings.erasePerson(deletion, deletion.atMs));
  for (const place of readAll(sql, tables.erasedPlaceTable)) await run(erasings.erasePlace(place, place.atMs));
  await run(erasings.erase(aside.erased()));
}

function readAll<T>(sql: Sql, table: Table<T>): readonly T[] {
  const rows = sql.prepare<DocumentRow>(`SELECT version, document FROM ${table.name}`).all();
  return rows.map((row) => readDocument(table, "of a list", row));
}
