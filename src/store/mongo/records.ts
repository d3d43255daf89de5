import {
  type Connection,
  type Model,
  type mongo,
  type QueryFilter,
  Schema,
  type SchemaDefinition,
  Types,
} from "mongoose";
import type { RecordKind } from "#store/record-codec.ts";

export type Value = string | number | null | readonly string[];

/** `document` is the record as JSON: BSON has no lone surrogates, and equal records stay equal text in every store. */
export interface Row {
  readonly _id: string;
  /** `_id` once more, to sort by after other fields. */
  readonly key: string;
  readonly version: number;
  readonly document: string;
  /** Copies of fields to find it by. Flags are 0 or 1. */
  readonly [column: string]: unknown;
}

type ColumnType = StringConstructor | NumberConstructor | readonly StringConstructor[];
export type Column<T> = readonly [type: ColumnType, read: (record: T) => Value];

/** Where records of a kind are kept. */
export interface Table<T> {
  readonly name: string;
  readonly record: RecordKind<T>;
  /** Equal for records that replace one another. */
  readonly idOf: (record: T) => string;
  readonly columns: Readonly<Record<string, Column<T>>>;
  /** Fields of the record that live in columns of their own, because they are counted or claimed there. */
  readonly overlay?: (row: Row, fields: object) => object;
}

export function defineTable<T>(table: Table<T>): Table<T> {
  return table;
}

/** A table's records in one database. */
export interface Records<T> {
  readonly table: Table<T>;
  readonly model: Model<Row>;
  rowOf(record: T): Row;
  read(row: Row): T;
  /** Inserts or replaces; columns that are not in the table's definition keep their values. */
  save(record: T): Promise<void>;
  /** False, and nothing is changed, when one of this key was there. */
  add(record: T): Promise<boolean>;
  /** By the key that `idOf` gives. */
  find(id: string): Promise<T | undefined>;
  list(filter: QueryFilter<Row>, options?: ListOptions): Promise<readonly T[]>;
  findRow(id: string): Promise<Row | undefined>;
  listRows(filter: QueryFilter<Row>, options?: ListOptions): Promise<readonly Row[]>;
}

export interface ListOptions {
  readonly sort?: Readonly<Record<string, 1 | -1>>;
  readonly limit?: number;
}

export function openRecords<T>(connection: Connection, table: Table<T>, extra: SchemaDefinition = {}): Records<T> {
  const columns = Object.entries(table.columns);
  const types = Object.fromEntries(columns.map(([name, [type]]) => [name, { type }]));
  const model = openModel<Row>(connection, table.name, {
    key: String,
    version: Number,
    document: String,
    ...types,
    ...extra,
  });

  const rows = nativeOf<Row>(model);

  function rowOf(record: T): Row {
    const document = table.record.encode(record);
    const values = columns.map(([name, [, read]]) => [name, read(record)] as const);
    const _id = table.idOf(record);
    return { ...Object.fromEntries(values), _id, key: _id, version: table.record.version, document };
  }

  function read(row: Row): T {
    const parsed = parseJson(row.document);
    const isWhole = table.overlay === undefined || typeof parsed !== "object" || parsed === null;
    const value = isWhole ? parsed : table.overlay?.(row, parsed);
    return table.record.decode("of a store", row.version, value);
  }

  async function findRow(_id: string): Promise<Row | undefined> {
    return (await rows.findOne({ _id })) ?? undefined;
  }

  async function listRows(filter: QueryFilter<Row>, { sort, limit }: ListOptions = {}): Promise<readonly Row[]> {
    if (limit !== undefined && limit <= 0) return [];
    const options = { ...(sort === undefined ? {} : { sort: { ...sort } }), ...(limit === undefined ? {} : { limit }) };
    return rows.find(filter as mongo.Filter<Row>, options).toArray();
  }

  return {
    table,
    model,
    rowOf,
    read,
    async save(record) {
      const { _id, ...row } = rowOf(record);
      await upsert(() => rows.updateOne({ _id }, { $set: row }, { upsert: true }));
    },
    async add(record) {
      const { _id, ...row } = rowOf(record);
      const result = await ignoreDuplicate(rows.updateOne({ _id }, { $setOnInsert: row }, { upsert: true }));
      return result?.upsertedCount === 1;
    },
    async find(_id) {
      const row = await findRow(_id);
      return row === undefined ? undefined : read(row);
    },
    list: async (filter, options) => (await listRows(filter, options)).map(read),
    findRow,
    listRows,
  };
}

/** A field that the schema does not know is refused, in writes as in queries. */
export function openModel<R>(connection: Connection, name: string, definition: SchemaDefinition): Model<R> {
  const options = {
    collection: name,
    strict: "throw",
    strictQuery: "throw",
    versionKey: false,
    autoIndex: false,
  } as const;
  const schema = new Schema({ _id: String, ...definition }, { ...options, autoCreate: false, minimize: false });
  return connection.model(name, schema) as unknown as Model<R>;
}

/** Past mongoose: for what is written and read for every message, from rows that our own code made. */
export function nativeOf<R extends { readonly _id: string }>(model: {
  readonly collection: object;
}): mongo.Collection<R> {
  return model.collection as mongo.Collection<R>;
}

/** A damaged document becomes undefined, which fits no schema. */
export function parseJson(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    return undefined;
  }
}

/** Two upserts of one key at once: one inserts, the other is told of a duplicate and finds it at its second try. */
export async function upsert<T>(write: () => Promise<T>): Promise<T> {
  return (await ignoreDuplicate(write())) ?? write();
}

/** The driver's error for many writes carries what was to be written, people's words among it: only its code is passed on. */
export async function insertRows<R>(model: Model<R>, rows: readonly object[]): Promise<void> {
  if (rows.length === 0) return;
  try {
    await model.insertMany(rows as never, { ordered: true, lean: true });
  } catch (error) {
    throw withoutRows(model, rows.length, error);
  }
}

function withoutRows<R>(model: Model<R>, rows: number, error: unknown): Error {
  const { code = "unknown" } = error as { readonly code?: unknown };
  return new Error(`Cannot insert ${rows} records into "${model.collection.name}": error ${code}`);
}

/** Undefined when a record of this key was there. */
export async function ignoreDuplicate<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (cause) {
    if (!isDuplicate(cause)) throw cause;
    return undefined;
  }
}

function isDuplicate(cause: unknown): boolean {
  return typeof cause === "object" && cause !== null && "code" in cause && cause.code === 11_000;
}

/** Grows with every record of a process; between processes, with the second. */
export function nextOrder(): string {
  return new Types.ObjectId().toHexString();
}

/** Asks for lists with this text among them. Plain equality means the same to MongoDB, and finds nothing in the wire peer of the tests. */
export function holds(text: string): { readonly $in: string[] } {
  return { $in: [text] };
}
