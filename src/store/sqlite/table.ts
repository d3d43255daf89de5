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
  return table.record.decode(id, row.version, parseJson(row.document));
}

/** A damaged document becomes undefined, which fits no schema. */
function parseJson(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    return undefined;
  }
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

/** A table without its type, for what comes from a file. */
export interface Importer {
  readonly kind: string;
  /** Throws RecordInvalidError or StoreTooNewError. The key is equal for records that would replace one another. */
  read(id: string, version: number, value: unknown): { readonly key: string; readonly record: string };
  /** What `read` gave. */
  write(record: string): void;
}

export function prepareImport<T>(sql: Sql, table: Table<T>, save = prepareSave(sql, table)): Importer {
  return {
    kind: table.record.kind,
    read(id, found, value) {
      const record = table.record.decode(id, found, value);
      const key = table.keys.map((name) => table.columns.get(name)?.(record));
      return { key: JSON.stringify(key), record: JSON.stringify(record) };
    },
    write(record) {
      // Checked once more as it is saved.
      save(JSON.parse(record) as T);
    },
  };
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
  const values: Record<string, SqlValue> = { version: table.record.version, document: table.record.encode(record) };
  for (const [name, read] of table.columns) values[name] = read(record);
  return values;
}
