import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { findTableWalks } from "#store/sqlite/query-plans.ts";
import { silentLog } from "../../../fixtures/llama/engine-under-test.ts";
import { makeTempFolder } from "./temp-store.ts";

test("no statement of the store or of its queue walks through a whole table", () => {
  const statements: string[] = [];
  const path = join(makeTempFolder(), "reactune.db");
  const store = openSqliteStore({ path, now: () => 0, onPrepare: (statement) => statements.push(statement) });
  onTestFinished(() => store.close());
  sqliteJobQueue({ database: store.jobsDatabase, now: () => 0, random: () => 0, log: silentLog });
  const prepared = [...statements];

  expect(prepared.length).toBeGreaterThan(100);
  expect(findTableWalks(store.jobsDatabase, prepared)).toEqual([]);
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
