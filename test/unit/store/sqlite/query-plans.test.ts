import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { findTableWalks } from "#store/sqlite/query-plans.ts";
import { silentLog } from "../../../fixtures/llama/engine-under-test.ts";
import { makeTempFolder } from "./temp-store.ts";

function openPrepared() {
  const statements: string[] = [];
  const path = join(makeTempFolder(), "reactune.db");
  const store = openSqliteStore({ path, now: () => 0, onPrepare: (statement) => statements.push(statement) });
  onTestFinished(() => store.close());
  sqliteJobQueue({ database: store.jobsDatabase, now: () => 0, random: () => 0, log: silentLog });
  return { sql: store.jobsDatabase, prepared: [...statements] };
}

test("no statement of the store or of its queue walks through a whole table", () => {
  const { sql, prepared } = openPrepared();

  expect(prepared.length).toBeGreaterThan(100);
  expect(findTableWalks(sql, prepared)).toEqual([]);
});

test("each index serves a statement: what none needs is only written", () => {
  const { sql, prepared } = openPrepared();
  const plans = prepared.flatMap((statement) => {
    const names = Array.from(statement.matchAll(/:([a-z]\w*)/giu), (match) => match[1] ?? "");
    const unknown = Object.fromEntries(names.map((name) => [name, null]));
    return sql.prepare<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`).all(unknown);
  });
  const used = new Set(plans.flatMap(({ detail }) => / INDEX (\w+)/u.exec(detail)?.[1] ?? []));
  const indexes = sql.prepare<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL");

  expect(
    indexes
      .all()
      .map(({ name }) => name)
      .filter((name) => !used.has(name)),
  ).toEqual([]);
});

test("findTableWalks() tells of a statement that no index serves, and of a walk along an index that has no end", () => {
  const store = openSqliteStore({ path: join(makeTempFolder(), "reactune.db"), now: () => 0 });
  onTestFinished(() => store.close());
  const unserved = "SELECT id FROM turn WHERE replied_at = :at";
  const whole = "SELECT count(*) FROM turn";
  const served = "SELECT id FROM turn WHERE id = :id";
  const stops = "SELECT id FROM audit_entry ORDER BY at DESC LIMIT 9";

  const walks = findTableWalks(store.jobsDatabase, [unserved, whole, served, stops]);

  expect(walks.map(({ statement }) => statement)).toEqual([unserved, whole]);
});
