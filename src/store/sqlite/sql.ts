import Database from "libsql";
import { StoreBusyError } from "#core/errors.ts";

/**
 * No boolean: libsql 0.5 aborts the whole process on one. No Float32Array: it binds the buffer under a view from byte 0.
 */
export type SqlValue = string | number | null | Uint8Array;
export type SqlParams = Readonly<Record<string, SqlValue>>;

export interface Statement<Row> {
  get(params?: SqlParams): Row | undefined;
  all(params?: SqlParams): readonly Row[];
  /** Returns how many rows changed. */
  run(params?: SqlParams): number;
}

export interface SqlOptions {
  /** `full` survives a power cut as well as `kill -9`, for one fsync per write; `normal` may lose the last writes in a power cut. */
  readonly durability: "full" | "normal";
  /** How long a write waits for another process. The event loop stands still meanwhile. */
  readonly busyMs: number;
}

/** The event loop stands still meanwhile, for something that can wait. */
const EMPTY_LOG_BUSY_MS = 50;

/** One connection to the file. Several of them, in several processes, work on the same file at once. */
export class Sql {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #busyMs: number;
  #isWriting = false;

  constructor(path: string, options: SqlOptions) {
    this.path = path;
    this.#busyMs = options.busyMs;
    this.#database = new Database(path, { timeout: options.busyMs });
    // A transaction can hold the file while it is opened; WAL is a property of the file and stays.
    this.#run(() => this.#database.prepare("PRAGMA journal_mode = WAL").get());
    this.exec(`PRAGMA synchronous = ${options.durability === "full" ? "FULL" : "NORMAL"}`);
    // What is deleted or emptied is overwritten: an erased word is not left in a free page of the file.
    this.#run(() => this.#database.prepare("PRAGMA secure_delete = ON").get());
  }

  /** Throws TypeError at every use that leaves out a named parameter: libsql would bind NULL in silence. */
  prepare<Row = never>(sql: string): Statement<Row> {
    const statement = this.#database.prepare<SqlParams>(sql);
    const names = new Set(Array.from(sql.matchAll(/:([a-z]\w*)/giu), (match) => match[1] ?? ""));
    const check = (params: SqlParams) => {
      for (const name of names) if (params[name] === undefined) throw new TypeError(`Cannot bind ":${name}": no value`);
      return params;
    };
    return {
      get: (params = {}) => this.#run(() => withoutMetadata(statement.get(check(params)) as Row | undefined)),
      all: (params = {}) => this.#run(() => statement.all(check(params)) as Row[]),
      run: (params = {}) => this.#run(() => statement.run(check(params)).changes),
    };
  }

  exec(sql: string): void {
    this.#run(() => this.#database.exec(sql));
  }

  /** Rejects with StoreBusyError when another process wrote for longer than `busyMs`. */
  #run<T>(use: () => T): T {
    try {
      return use();
    } catch (cause) {
      if (!(cause instanceof Database.SqliteError && cause.code.startsWith("SQLITE_BUSY"))) throw cause;
      throw new StoreBusyError(this.#busyMs, { cause });
    }
  }

  /** All of it or nothing, after every other writer and before the next; inside another `write` it joins that one. */
  write<T>(change: () => T): T {
    if (this.#isWriting) return change();
    this.exec("BEGIN IMMEDIATE");
    this.#isWriting = true;
    try {
      const result = change();
      this.exec("COMMIT");
      return result;
    } catch (cause) {
      if (this.#database.inTransaction) this.exec("ROLLBACK");
      throw cause;
    } finally {
      this.#isWriting = false;
    }
  }

  /**
   * Brings the log of late writes into the file and empties it, so that what was overwritten is in neither. Does nothing, and is false, while
   * somebody reads an older state (an export) or writes.
   */
  emptyLog(): boolean {
    this.#database.prepare(`PRAGMA busy_timeout = ${EMPTY_LOG_BUSY_MS}`).get();
    try {
      const row = this.#run(() => this.#database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get());
      return (row as { readonly busy: number }).busy === 0;
    } catch (cause) {
      if (!(cause instanceof StoreBusyError)) throw cause;
      return false;
    } finally {
      this.#database.prepare(`PRAGMA busy_timeout = ${this.#busyMs}`).get();
    }
  }

  close(): void {
    if (this.#database.open) this.#database.close();
  }
}

/** libsql adds how long the query took, which makes equal rows unequal. */
function withoutMetadata<Row>(row: Row | undefined): Row | undefined {
  if (typeof row === "object" && row !== null) Reflect.deleteProperty(row, "_metadata");
  return row;
}
