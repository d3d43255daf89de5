import { rm } from "node:fs/promises";
import { ImportInvalidError } from "#core/errors.ts";
import { readArchiveLines } from "#store/archive-lines.ts";
import { Sql } from "./sql.ts";
import type { Importer } from "./table.ts";

/** The largest true record is a data set with the ids of its turns. */
const LINE_LETTERS_MAX = 8_000_000;
const LINES_PER_WRITE = 500;
const PAGE_ROWS = 200;
const CHECKPOINT_PAGES = 4000;
const BUSY_MS = 1000;

/** Records that were read and checked, in a file beside the store's, so that laying them aside blocks nobody. */
export interface Aside {
  /** In the order of their keys, behind the first `taken` of the kind. */
  records(kind: string, taken: number): Generator<string>;
  noteErased(turnKeys: readonly string[]): void;
  /** Key columns of turns that were erased here before the import. */
  erased(): readonly string[];
  close(): void;
}

export function asidePath(path: string): string {
  return `${path}-import`;
}

/** Opens what `layAside` made. */
export function openAside(path: string): Aside {
  const sql = new Sql(asidePath(path), { durability: "full", busyMs: BUSY_MS });
  const page = sql.prepare<{ key: string; record: string }>(
    `SELECT key, record FROM aside WHERE kind = :kind AND key > :after ORDER BY key LIMIT ${PAGE_ROWS}`,
  );
  const keyAt = sql.prepare<{ key: string }>(
    "SELECT key FROM aside WHERE kind = :kind ORDER BY key LIMIT 1 OFFSET :before",
  );
  const note = sql.prepare("INSERT INTO erased_here (id) VALUES (:id) ON CONFLICT DO NOTHING");
  return {
    *records(kind, taken) {
      for (let after = taken === 0 ? "" : (keyAt.get({ kind, before: taken - 1 })?.key ?? ""); ; ) {
        const rows = page.all({ kind, after });
        for (const { record } of rows) yield record;
        const last = rows.at(-1);
        if (last === undefined) return;
        after = last.key;
      }
    },
    noteErased(turnKeys) {
      if (turnKeys.length === 0) return;
      sql.write(() => {
        for (const id of turnKeys) note.run({ id });
      });
    },
    erased: () =>
      sql
        .prepare<{ id: string }>("SELECT id FROM erased_here")
        .all()
        .map(({ id }) => id),
    close: () => sql.close(),
  };
}

/** Of an import that ended, however it did. */
export async function removeAside(path: string): Promise<void> {
  for (const end of ["", "-wal", "-shm"]) await rm(`${asidePath(path)}${end}`, { force: true });
}

/** Checks all lines and lays their records aside; how many there are of each kind. Rejects with ImportInvalidError. */
export async function layAside(
  path: string,
  lines: AsyncIterable<string>,
  importers: ReadonlyMap<string, Importer>,
): Promise<ReadonlyMap<string, number>> {
  await removeAside(path);
  const sql = new Sql(asidePath(path), { durability: "normal", busyMs: BUSY_MS });
  try {
    sql.prepare(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`).get();
    sql.exec("CREATE TABLE aside (kind TEXT, key TEXT, record TEXT, PRIMARY KEY (kind, key)) STRICT");
    sql.exec("CREATE TABLE erased_here (id TEXT PRIMARY KEY) STRICT");
    const byKind = await addLines(sql, lines, importers);
    // From here on it must survive a power cut.
    await sql.emptyLog();
    return byKind;
  } catch (error) {
    await removeAside(path);
    throw error;
  } finally {
    sql.close();
  }
}

async function addLines(
  sql: Sql,
  lines: AsyncIterable<string>,
  importers: ReadonlyMap<string, Importer>,
): Promise<ReadonlyMap<string, number>> {
  const add = sql.prepare(`
    INSERT INTO aside (kind, key, record) VALUES (:kind, :key, :record) ON CONFLICT DO NOTHING`);
  const byKind = new Map<string, number>();
  let waiting: { readonly number: number; readonly kind: string; readonly key: string; readonly record: string }[] = [];
  const write = () => {
    sql.write(() => {
      for (const { number: of, ...row } of waiting) {
        if (add.run(row) === 0) throw new ImportInvalidError(of, `a ${row.kind} of this id came before`);
      }
    });
    waiting = [];
  };
  const rows = readArchiveLines(lines, LINE_LETTERS_MAX, ({ number, kind, version, record }) => {
    const importer = importers.get(kind);
    return importer === undefined
      ? undefined
      : { number, kind, ...importer.read(`of line ${number}`, version, record) };
  });
  for await (const row of rows) {
    waiting.push(row);
    byKind.set(row.kind, (byKind.get(row.kind) ?? 0) + 1);
    if (waiting.length === LINES_PER_WRITE) write();
  }
  write();
  return byKind;
}
