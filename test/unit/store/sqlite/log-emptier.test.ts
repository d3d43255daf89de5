import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { Sql } from "#store/sqlite/sql.ts";
import { NOON_MS, SCOPE, sampleTurn } from "../../../contract/sample-records.ts";
import { makeTempFolder } from "./temp-store.ts";

const SECRET = "zanzibar";
const WORKSPACE = SCOPE.workspaceId;
const UNFINISHED = "SELECT user_id FROM unfinished_erasure";

async function openErased() {
  const path = join(makeTempFolder(), "reactune.db");
  const store = openSqliteStore({ path, now: () => NOON_MS, emptyAgainMs: 20 });
  onTestFinished(() => store.close());
  await store.chat.saveTurn(sampleTurn({ question: SECRET, reply: SECRET.repeat(900) }));
  const other = new Sql(path, { durability: "full", busyMs: 1000 });
  onTestFinished(() => other.close());
  const isInLog = () => readFileSync(`${path}-wal`).includes(SECRET);
  const readOn = () => {
    other.exec("BEGIN");
    other.prepare("SELECT id FROM turn").all();
  };
  return { path, store, other, isInLog, readOn };
}

test("erasePerson() empties the log once nobody reads an older state any more, and tells of the words until then", async () => {
  const { store, other, isInLog, readOn } = await openErased();
  readOn();
  await store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS);

  expect(isInLog()).toBe(true);
  expect(store.describeProblem()).toContain("Erased words");
  await sleep(100);
  expect(isInLog()).toBe(true);
  other.exec("COMMIT");
  await vi.waitFor(() => expect(store.describeProblem()).toBeUndefined(), 5000);
  expect(isInLog()).toBe(false);
  expect(other.prepare(UNFINISHED).all()).toEqual([]);
});

test("resumeErasures() empties the log that a program left when it ended", async () => {
  const { path, store, other, isInLog, readOn } = await openErased();
  readOn();
  await store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS);
  store.close();
  expect(isInLog()).toBe(true);

  const next = openSqliteStore({ path, now: () => NOON_MS, emptyAgainMs: 20 });
  onTestFinished(() => next.close());
  other.exec("COMMIT");
  await next.privacy.resumeErasures();

  expect(isInLog()).toBe(false);
  expect(other.prepare(UNFINISHED).all()).toEqual([]);
});

test("eraseTurn() empties the log soon after", async () => {
  const { store, isInLog } = await openErased();
  await store.privacy.eraseTurn("t1");

  await vi.waitFor(() => expect(isInLog()).toBe(false), 5000);
});
