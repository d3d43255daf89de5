import { existsSync, renameSync, rmSync } from "node:fs";
import { StoreTooNewError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { records } from "./migrations/0001-records.ts";
import { places } from "./migrations/0002-places.ts";
import { sizes } from "./migrations/0003-sizes.ts";
import type { Sql } from "./sql.ts";
import { RECORD_TABLES } from "./tables.ts";

const RECORD_KINDS = RECORD_TABLES.map((table) => table.record);

export interface Migration {
  /** From 1, without gaps. */
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: "records", sql: records },
  { number: 2, name: "places", sql: places },
  { number: 3, name: "sizes", sql: sizes },
];

export interface MigrateOptions {
  readonly now: () => number;
  readonly log?: Log;
  readonly migrations?: readonly Migration[];
}

/**
 * Brings the file to the newest schema, each step whole or not at all, and keeps a copy of a file that had data.
 * Processes that start together wait for one another. Throws StoreTooNewError when a newer program wrote here.
 */
export function migrate(sql: Sql, options: MigrateOptions): void {
  const { migrations = MIGRATIONS } = options;
  const known = migrations.length;
  const found = readSchemaVersion(sql);
  refuseNewer(sql, found, known);
  if (found > 0 && found < known) backUp(sql, found);
  if (found < known) {
    sql.write(() => {
      const before = readSchemaVersion(sql);
      refuseNewer(sql, before, known);
      applyFrom(sql, before, migrations, options.now());
    });
    options.log?.info({ path: sql.path, from: found, to: known }, "store.migrated");
  }
  noteRecordVersions(sql);
}

/** 0 for a new file. */
export function readSchemaVersion(sql: Sql): number {
  const exists = sql.prepare<object>("SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'").get();
  if (exists === undefined) return 0;
  const row = sql.prepare<{ number: number | null }>("SELECT max(number) AS number FROM schema_migration").get();
  return row?.number ?? 0;
}

function refuseNewer(sql: Sql, found: number, known: number): void {
  if (found > known) throw new StoreTooNewError(`store "${sql.path}"`, found, known);
  if (found === 0) return;
  const newest = sql.prepare<{ kind: string; version: number }>("SELECT kind, version FROM record_version").all();
  for (const { kind, version } of newest) {
    const readable = RECORD_KINDS.find((record) => record.kind === kind)?.version ?? 0;
    if (version > readable) throw new StoreTooNewError(`${kind} records`, version, readable);
  }
}

function applyFrom(sql: Sql, before: number, migrations: readonly Migration[], nowMs: number): void {
  if (before === 0) {
    sql.exec(`
      CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;
      CREATE TABLE record_version (kind TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
    `);
  }
  const note = sql.prepare("INSERT INTO schema_migration (number, name, applied_at) VALUES (:number, :name, :nowMs)");
  for (const { number, name, sql: step } of migrations) {
    if (number <= before) continue;
    sql.exec(step);
    note.run({ number, name, nowMs });
  }
}

/** From now on an older program, which could not read what this one writes, refuses to start. */
function noteRecordVersions(sql: Sql): void {
  const read = sql.prepare<{ version: number }>("SELECT version FROM record_version WHERE kind = :kind");
  const outdated = RECORD_KINDS.filter(({ kind, version }) => (read.get({ kind })?.version ?? 0) < version);
  if (outdated.length === 0) return;
  const note = sql.prepare(`
    INSERT INTO record_version (kind, version) VALUES (:kind, :version)
    ON CONFLICT (kind) DO UPDATE SET version = max(version, excluded.version)`);
  sql.write(() => {
    for (const { kind, version } of outdated) note.run({ kind, version });
  });
}

/** `<file>.before-<schema>`: whole or absent; the first copy of a schema stays when a migration is tried again. */
function backUp(sql: Sql, found: number): void {
  const path = `${sql.path}.before-${String(found + 1).padStart(4, "0")}`;
  if (existsSync(path)) return;
  const unfinished = `${path}.unfinished-${process.pid}`;
  rmSync(unfinished, { force: true });
  sql.prepare("VACUUM INTO :unfinished").run({ unfinished });
  renameSync(unfinished, path);
}
