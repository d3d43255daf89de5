import type { RecordKind } from "#store/record-codec.ts";
import type { Sql, SqlParams, SqlValue } from "./sql.ts";

/** Where records of a kind are kept: JSON in `document`, the schema's version, and copies of fields to find it by. */
export interface Table<T> {
  readonly name: string;
  readonly record: RecordKind<T>;
  /** The columns of the primary key. */
  readonly keys: readonly string[];
  readonly columns: ReadonlyMap<string, (record: T) => SqlValue>;
}

export interface DocumentRow {
  readonly version: number;
  readonly document: string;
}

export function defineTable<T>(
  name: string,
  record: RecordKind<T>,
  keys: readonly string[],
  columns: Readonly<Record<string, (record: T) => SqlValue>>,
): Table<T> {
  return { name, record, keys, columns: new Map(Object.entries(columns)) };
}

/** `id` is for the error's words only. */
export function readDocument<T>(table: Table<T>, id: string, row: DocumentRow): T {
  return table.record.decode(id, row.version, JSON.parse(row.document));
}

/** Columns that are not in the table's definition keep their values when the record was there. */
export function prepareSave<T>(sql: Sql, table: Table<T>): (record: T) => void {
  const statement = sql.prepare(
    `${insert(table)} ON CONFLICT (${table.keys.join(", ")}) DO UPDATE SET ${update(table)}`,
  );
  return (record) => {
    statement.run(params(table, record));
  };
}

/** The function returns false, and changes nothing, when a record of this key was there. */
export function prepareAdd<T>(sql: Sql, table: Table<T>): (record: T) => boolean {
  const statement = sql.prepare(`${insert(table)} ON CONFLICT (${table.keys.join(", ")}) DO NOTHING`);
  return (record) => statement.run(params(table, record)) === 1;
}

function insert<T>(table: Table<T>): string {
  const names = [...table.columns.keys(), "version", "document"];
  return `INSERT INTO ${table.name} (${names.join(", ")}) VALUES (${names.map((name) => `:${name}`).join(", ")})`;
}

function update<T>(table: Table<T>): string {
  const names = [...table.columns.keys(), "version", "document"].filter((name) => !table.keys.includes(name));
  return names.map((name) => `${name} = excluded.${name}`).join(", ");
}

function params<T>(table: Table<T>, record: T): SqlParams {
  const columns = Array.from(table.columns, ([name, read]) => [name, read(record)] as const);
  return { ...Object.fromEntries(columns), version: table.record.version, document: table.record.encode(record) };
}
