import { fdatasyncSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import Database from "libsql";
import AsideDatabase from "libsql/promise";
import { StoreBusyError } from "#core/errors.ts";
import { createLateSync, type LateSync } from "./late-sync.ts";

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
  /**
   * `full` survives a power cut as well as `kill -9`, for one fsync per write, during which the event loop stands still; `late`
   * does so once `settle` has resolved, for a fsync beside the event loop; `normal` may lose the last writes in a power cut.
   */
  readonly durability: "full" | "late" | "normal";
  /**
   * How long a write waits for another process. The event loop stands still meanwhile; once it was in vain, writes wait a moment only
   * until one succeeds: another program can hold the file for minutes.
   */
  readonly busyMs: number;
  /** Hears of every statement, for its plan. */
  readonly onPrepare?: (sql: string) => void;
}

/** The event loop stands still meanwhile, for something that can wait. */
const EMPTY_LOG_BUSY_MS = 50;

/** What a write waits while another process is known to hold the file for long. */
const HELD_UP_BUSY_MS = 100;

/** Statements that write after which the log, then of some megabytes, is brought into the file beside the event loop. */
const CHECKPOINT_WRITES = 2000;

/** One connection to the file. Several of them, in several processes, work on the same file at once. */
export class Sql {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #busyMs: number;
  readonly #onPrepare: SqlOptions["onPrepare"];
  readonly #late: LateSync = createLateSync(() => this.#flushLog());
  #isWriting = false;
  #isAwaited = true;
  #isHeldUp = false;
  #log: FileHandle | undefined;
  #checkpointedWrites = 0;
  #checkpointing: Promise<void> | undefined;

  constructor(path: string, options: SqlOptions) {
    this.path = path;
    this.#busyMs = options.busyMs;
    this.#onPrepare = options.onPrepare;
    this.#database = new Database(path, { timeout: options.busyMs });
    // A transaction can hold the file while it is opened; WAL is a property of the file and stays.
    this.#run(() => this.#database.prepare("PRAGMA journal_mode = WAL").get());
    this.exec(`PRAGMA synchronous = ${options.durability === "full" ? "FULL" : "NORMAL"}`);
    // Whoever writes when the log is long would bring all of it into the file, and flush both, while the event loop stands still.
    if (options.durability !== "full") this.#run(() => this.#database.prepare("PRAGMA wal_autocheckpoint = 0").get());
    // What is deleted or emptied is overwritten: an erased word is not left in a free page of the file.
    this.#run(() => this.#database.prepare("PRAGMA secure_delete = ON").get());
  }

  /** Throws TypeError at every use that leaves out a named parameter: libsql would bind NULL in silence. */
  prepare<Row = never>(sql: string): Statement<Row> {
    this.#onPrepare?.(sql);
    // By position and without names, binding and reading cost libsql half: it looks each name up, at every use.
    const { text, names } = numberParams(sql);
    const statement = this.#database.prepare<readonly SqlValue[]>(text);
    if (statement.reader) statement.raw(true);
    let columns: readonly string[] | undefined;
    const toRow = (values: readonly unknown[]) => {
      columns ??= statement.columns().map(({ name }) => name);
      return toRecord(columns, values) as Row;
    };
    const bind = (params: SqlParams) => names.map((name) => boundValue(params, name));
    return {
      get: (params = {}) =>
        this.#run(() => {
          const values = statement.get(bind(params)) as readonly unknown[] | undefined;
          return values === undefined ? undefined : toRow(values);
        }),
      all: (params = {}) => this.#run(() => (statement.all(bind(params)) as (readonly unknown[])[]).map(toRow)),
      run: (params = {}) => {
        this.#late.noteWrite(this.#isAwaited);
        return this.#runWrite(() => statement.run(bind(params)).changes);
      },
    };
  }

  exec(sql: string): void {
    this.#late.noteWrite(this.#isAwaited);
    this.#runWrite(() => this.#database.exec(sql));
  }

  /** Grows with every write that `settle` is waited for. */
  get awaitedWrites(): number {
    return this.#late.awaitedWrites;
  }

  /**
   * Writes what a power cut may take, since it is found again: nobody needs to wait for `settle`, and one flush serves several of these.
   * `kill -9` takes nothing.
   */
  unawaited<T>(write: () => T): T {
    this.#isAwaited = false;
    try {
      return write();
    } finally {
      this.#isAwaited = true;
    }
  }

  /** Resolves when everything written so far survives a power cut. */
  async settle(): Promise<void> {
    await this.#late.settle();
    if (this.#checkpointing !== undefined || this.#late.writes < this.#checkpointedWrites + CHECKPOINT_WRITES) return;
    this.#checkpointedWrites = this.#late.writes;
    this.#checkpointing = this.#checkpoint("PASSIVE").finally(() => {
      this.#checkpointing = undefined;
    });
  }

  async #flushLog(): Promise<void> {
    if (!this.#database.open) return;
    this.#log ??= await open(`${this.path}-wal`, "r+");
    await this.#log.datasync();
  }

  /** By a connection of its own, in another thread. What a reader still needs stays in the log until the next time. */
  async #checkpoint(mode: "PASSIVE" | "TRUNCATE"): Promise<void> {
    const aside = new AsideDatabase(this.path, { timeout: EMPTY_LOG_BUSY_MS });
    try {
      await aside.exec(`PRAGMA wal_checkpoint(${mode})`);
    } catch {
      // Somebody else does it right now.
    } finally {
      aside.close();
    }
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

  #runWrite<T>(use: () => T): T {
    try {
      const result = this.#run(use);
      if (this.#isHeldUp) this.#holdUp(false);
      return result;
    } catch (cause) {
      if (cause instanceof StoreBusyError && !this.#isHeldUp) this.#holdUp(true);
      throw cause;
    }
  }

  #holdUp(isHeldUp: boolean): void {
    this.#isHeldUp = isHeldUp;
    this.#setBusy(isHeldUp ? Math.min(HELD_UP_BUSY_MS, this.#busyMs) : this.#busyMs);
  }

  #setBusy(timeoutMs: number): void {
    this.#database.prepare(`PRAGMA busy_timeout = ${timeoutMs}`).get();
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
  async emptyLog(): Promise<boolean> {
    await this.#checkpointing;
    // The work is done in another thread: a log of gigabytes, after an import, takes a second to cut off.
    await this.#checkpoint("TRUNCATE");
    return this.#database.open && this.#isLogEmptied();
  }

  #isLogEmptied(): boolean {
    this.#setBusy(EMPTY_LOG_BUSY_MS);
    try {
      const row = this.#run(() => this.#database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get());
      return (row as { readonly busy: number }).busy === 0;
    } catch (cause) {
      if (!(cause instanceof StoreBusyError)) throw cause;
      return false;
    } finally {
      this.#holdUp(this.#isHeldUp);
    }
  }

  close(): void {
    if (!this.#database.open) return;
    // Who did not wait for `settle` has it now; another process may keep the log from being brought into the file.
    if (this.#log !== undefined) fdatasyncSync(this.#log.fd);
    this.#database.close();
    void this.#log?.close();
  }
}

/** `:name` as `?1`, the same name always as the same number. */
function numberParams(sql: string): { readonly text: string; readonly names: readonly string[] } {
  const names: string[] = [];
  const text = sql.replace(/:([a-z]\w*)/giu, (_, name: string) => {
    if (!names.includes(name)) names.push(name);
    return `?${names.indexOf(name) + 1}`;
  });
  return { text, names };
}

function boundValue(params: SqlParams, name: string): SqlValue {
  const value = params[name];
  if (value === undefined) throw new TypeError(`Cannot bind ":${name}": no value`);
  return value;
}

function toRecord(columns: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  let index = 0;
  for (const column of columns) record[column] = values[index++];
  return record;
}
