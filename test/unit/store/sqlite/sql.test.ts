import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { StoreBusyError } from "#core/errors.ts";
import { Sql } from "#store/sqlite/sql.ts";
import { makeTempFolder } from "./temp-store.ts";

function openSql(path = join(makeTempFolder(), "test.db")): Sql {
  const sql = new Sql(path, { durability: "full", busyMs: 30 });
  onTestFinished(() => sql.close());
  sql.exec("CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY, bytes BLOB) STRICT");
  return sql;
}

const INSERT = "INSERT INTO note (id, bytes) VALUES (:id, :bytes)";
const idsOf = (sql: Sql) =>
  sql
    .prepare<{ id: string }>("SELECT id FROM note ORDER BY id")
    .all()
    .map(({ id }) => id);

describe("Sql", () => {
  test("prepare() throws when a named parameter is left out", () => {
    const insert = openSql().prepare(INSERT);

    expect(() => insert.run({ id: "a" })).toThrow(":bytes");
  });

  test("prepare() gives rows that are equal when their columns are", () => {
    const sql = openSql();
    sql.prepare(INSERT).run({ id: "a", bytes: null });
    const find = sql.prepare("SELECT id, bytes FROM note");

    expect(find.get()).toEqual({ id: "a", bytes: null });
    expect(find.all()).toEqual([{ id: "a", bytes: null }]);
  });

  test("write() undoes everything when its change throws, also inside another write", () => {
    const sql = openSql();
    const insert = sql.prepare(INSERT);
    const fail = () =>
      sql.write(() => {
        insert.run({ id: "a", bytes: null });
        sql.write(() => insert.run({ id: "b", bytes: null }));
        throw new Error("no");
      });

    expect(fail).toThrow("no");
    expect(idsOf(sql)).toEqual([]);
    sql.write(() => insert.run({ id: "c", bytes: null }));
    expect(idsOf(sql)).toEqual(["c"]);
  });

  test("write() throws StoreBusyError when another connection writes for too long, and works later", () => {
    const one = openSql();
    const two = openSql(one.path);
    const insert = () => two.write(() => two.prepare(INSERT).run({ id: "b", bytes: null }));
    let cause: unknown;
    one.write(() => {
      try {
        insert();
      } catch (busy) {
        cause = busy;
      }
    });

    expect(cause).toBeInstanceOf(StoreBusyError);
    expect(cause).toMatchObject({ message: expect.stringContaining("30 ms"), cause: { code: "SQLITE_BUSY" } });
    insert();
    expect(idsOf(one)).toEqual(["b"]);
  });

  test("write() waits in vain once while another connection writes for long, and at full length again after that", () => {
    const one = openSql();
    const two = new Sql(one.path, { durability: "full", busyMs: 600 });
    onTestFinished(() => two.close());
    const insert = two.prepare(INSERT);
    const write = (id: string) => two.write(() => insert.run({ id, bytes: null }));
    const waitsMs = (id: string) => {
      const startedAtMs = performance.now();
      expect(() => write(id)).toThrow(StoreBusyError);
      return performance.now() - startedAtMs;
    };
    one.write(() => {
      expect(waitsMs("a")).toBeGreaterThan(550);
      expect(waitsMs("a")).toBeLessThan(500);
    });
    write("b");
    one.write(() => expect(waitsMs("c")).toBeGreaterThan(550));

    expect(idsOf(one)).toEqual(["b"]);
  });
});
