import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { FileRefusedError } from "#core/errors.ts";
import { mergeFeedback } from "#core/feedback.ts";
import { MIGRATIONS, type Migration, migrate, readSchemaVersion } from "#store/sqlite/migrate.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { Sql } from "#store/sqlite/sql.ts";
import { NOON_MS, sampleChange, sampleMessage, sampleTurn } from "../../../contract/sample-records.ts";
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

describe("migration 2", () => {
  /** As the first release wrote it: the columns of then, and documents. */
  function fillFirst(sql: Sql, userId: string): void {
    const id = JSON.stringify(userId).slice(1, -1);
    const turn = sampleTurn({ id: userId, askerId: userId, workspaceId: userId, channelId: userId });
    const message = sampleMessage({ platform: "slack", workspaceId: userId, userId, text: "waiting" });
    const event = { id: "e1", message, state: "received", attempts: 0, receivedAtMs: 1 };
    const feedback = mergeFeedback(undefined, sampleChange({ turnId: userId, userId, workspaceId: userId, score: 5 }));
    sql
      .prepare(`INSERT INTO turn (id, conversation_id, position, audience, domain, status, asked_at, day, version, document)
        VALUES (:id, 'c1', 0, :audience, 'support', 'complete', :askedAt, 1, 1, :document)`)
      .run({
        id,
        audience: JSON.stringify([userId, "public"]),
        askedAt: turn.askedAtMs,
        document: JSON.stringify(turn),
      });
    sql
      .prepare(`INSERT INTO inbox_event (id, state, received_at, lease_until, version, document)
        VALUES ('e1', 'received', 1, 0, 1, :document)`)
      .run({ document: JSON.stringify(event) });
    sql
      .prepare(`INSERT INTO feedback (turn_id, user_id, score, version, document) VALUES (:id, :id, 5, 1, :document)`)
      .run({ id, document: JSON.stringify(feedback) });
  }

  test.each(["ana", `"quoted" \\ é 😀 \u0000 \ud800`])(
    "finds what was there before by platform, person and place, when the id is %j",
    async (userId) => {
      const path = join(makeTempFolder(), "reactune.db");
      const sql = openSql(path);
      migrate(sql, { now, migrations: MIGRATIONS.slice(0, 1) });
      fillFirst(sql, userId);
      const store = openTempStore(path);

      const found = await store.privacy.exportPerson(userId, userId);
      expect(found.turns.map(({ id }) => id)).toEqual([userId]);
      expect(found.feedback).toHaveLength(1);
      expect(await store.privacy.listWorkspaces()).toEqual([userId]);
      expect(await store.chat.listRecentReplies("local", NOON_MS, 9)).toHaveLength(1);
      expect(await store.chat.listRecentReplies("local", NOON_MS + 900, 9)).toEqual([]);
      const claim = { claimedBy: "x", nowMs: 9, leaseMs: 1 };
      expect((await store.chat.claimEvent({ ...claim, platforms: ["slack"] }))?.message.userId).toBe(userId);
      await store.privacy.erasePerson(userId, userId, NOON_MS);
      expect(await store.chat.claimEvent({ ...claim, nowMs: 99 })).toBeUndefined();
      expect((await store.chat.findTurn(userId))?.question).toBe("");
    },
  );
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

  test("names the file and the remedy when it is no database", () => {
    const path = join(makeTempFolder(), "reactune.db");
    writeFileSync(path, "no database, ".repeat(500));

    expect(() => openSqliteStore({ path, now })).toThrow(FileRefusedError);
    expect(() => openSqliteStore({ path, now })).toThrow(`Cannot use "${path}": it is no database, or it is damaged`);
  });

  test("names the file when something else has its name", () => {
    const path = join(makeTempFolder(), "reactune.db");
    mkdirSync(path);

    expect(() => openSqliteStore({ path, now })).toThrow(`Cannot use "${path}": it cannot be opened`);
  });
});
