import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { MIGRATIONS, type Migration, migrate, readSchemaVersion } from "#store/sqlite/migrate.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { Sql } from "#store/sqlite/sql.ts";
import { sampleTurn } from "../../../contract/sample-records.ts";
import { makeTempFolder, openTempStore } from "./temp-store.ts";

const now = () => 1000;
const next: Migration = { number: MIGRATIONS.length + 1, name: "next", sql: "CREATE TABLE added (x TEXT) STRICT;" };
const broken: Migration = { ...next, sql: "CREATE TABLE added (x TEXT) STRICT; CREATE TABLE turn (x TEXT);" };

function openSql(path: string): Sql {
  const sql = new Sql(path, { durability: "normal", busyMs: 1000 });
  onTestFinished(() => sql.close());
  return sql;
}

/** A file with one turn, closed. */
async function makeFile(): Promise<string> {
  const path = join(makeTempFolder(), "reactune.db");
  const store = openSqliteStore({ path, now });
  await store.chat.saveTurn(sampleTurn());
  store.close();
  return path;
}

describe("migrate()", () => {
  test("makes a new file without a copy", () => {
    const folder = makeTempFolder();
    const store = openTempStore(join(folder, "deep", "reactune.db"));

    expect(readSchemaVersion(store.jobsDatabase)).toBe(MIGRATIONS.length);
    expect(readdirSync(join(folder, "deep")).filter((name) => name.includes("before"))).toEqual([]);
  });

  test("keeps a copy of a file with data before it changes the file", async () => {
    const path = await makeFile();
    const sql = openSql(path);
    migrate(sql, { now, migrations: [...MIGRATIONS, next] });

    expect(readSchemaVersion(sql)).toBe(next.number);
    expect(sql.prepare("SELECT x FROM added").all()).toEqual([]);
    const copy = openTempStore(`${path}.before-000${next.number}`);
    expect(await copy.chat.findTurn("t1")).toEqual(sampleTurn());
    expect(readSchemaVersion(copy.jobsDatabase)).toBe(MIGRATIONS.length);
  });

  test("changes nothing when a step fails, and can be tried again", async () => {
    const path = await makeFile();
    const sql = openSql(path);

    expect(() => migrate(sql, { now, migrations: [...MIGRATIONS, broken] })).toThrow("turn");
    expect(readSchemaVersion(sql)).toBe(MIGRATIONS.length);
    expect(() => sql.prepare("SELECT x FROM added")).toThrow("added");
    migrate(sql, { now, migrations: [...MIGRATIONS, next] });
    expect(readSchemaVersion(sql)).toBe(next.number);
    expect(await openTempStore(`${path}.before-000${next.number}`).chat.findTurn("t1")).toBeDefined();
  });

  test("does nothing when the file is up to date", async () => {
    const path = await makeFile();
    const before = readFileSync(path);
    openSqliteStore({ path, now }).close();

    expect(readFileSync(path)).toEqual(before);
    expect(existsSync(`${path}.before-0001`)).toBe(false);
  });
});

describe("openSqliteStore()", () => {
  test("throws StoreTooNewError and changes nothing when a newer program made the schema", async () => {
    const path = await makeFile();
    const sql = openSql(path);
    migrate(sql, { now, migrations: [...MIGRATIONS, next] });
    sql.close();
    const before = readFileSync(path);

    expect(() => openSqliteStore({ path, now })).toThrow(expect.objectContaining({ code: "STORE_TOO_NEW" }));
    expect(readFileSync(path)).toEqual(before);
  });

  test("throws StoreTooNewError when a newer program wrote records of a kind", async () => {
    const path = await makeFile();
    const sql = openSql(path);
    sql.exec("UPDATE record_version SET version = 2 WHERE kind = 'turn'");
    sql.close();

    expect(() => openSqliteStore({ path, now })).toThrow(/turn records: its version is 2/u);
  });

  test.each(["not json", "[]", '{"id":"t1"}'])(
    "gives a store that rejects a turn whose document is %s",
    async (text) => {
      const store = openTempStore(await makeFile());
      store.jobsDatabase.prepare("UPDATE turn SET document = :text").run({ text });

      await expect(store.chat.findTurn("t1")).rejects.toMatchObject({ code: "RECORD_INVALID" });
    },
  );

  test("throws when the file is no database", () => {
    const path = join(makeTempFolder(), "reactune.db");
    writeFileSync(path, "this is not a database, it is a text that somebody put here by mistake\n".repeat(20));

    expect(() => openSqliteStore({ path, now })).toThrow("not a database");
  });
});
