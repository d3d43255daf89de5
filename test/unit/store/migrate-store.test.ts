import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Archive } from "#store/archive.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { type MigrationPhase, migrateStore } from "#store/migrate-store.ts";
import { openGridFiles } from "#store/mongo/grid-files.ts";
import type { SqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import {
  NOON_MS,
  SCOPE,
  sampleAdapter,
  sampleChange,
  sampleConversation,
  sampleMessage,
  sampleReport,
  sampleRun,
  sampleService,
  sampleSetting,
  sampleTurn,
} from "../../contract/sample-records.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../fixtures/mongo/open-peer.ts";
import { makeTempFolder, openTempStore } from "./sqlite/temp-store.ts";

/** A little of everything, with text that is hard to write down. */
async function fill({ chat, learning, people, settings, moderation, privacy }: SqliteStore): Promise<void> {
  for (let index = 0; index < 30; index += 1) {
    const id = `t${index}`;
    await chat.saveConversation(sampleConversation({ id, title: `"${id}" \u2028` }));
    await chat.saveTurn(sampleTurn({ id, conversationId: id, question: `\ud800 \u0000 ${id}` }));
    await chat.putFeedback(sampleChange({ turnId: id, userId: `u${index % 3}`, score: 5, comment: "good" }));
    await chat.acceptEvent(`e${index}`, sampleMessage({ text: id }), index);
  }
  await chat.claimEvent({ claimedBy: "one", nowMs: 5, leaseMs: 9 });
  await chat.finishEvent("e3");
  await privacy.eraseTurn("t4");
  await privacy.erasePerson(SCOPE.workspaceId, "u2", NOON_MS + 1);
  await learning.saveRun(sampleRun());
  await learning.saveAdapter(sampleAdapter());
  await learning.compareAndSetService(sampleService(), 0);
  await people.putChoice({ workspaceId: SCOPE.workspaceId, userId: "cy", learns: false, changedAtMs: 5 });
  await settings.putSetting(sampleSetting());
  await moderation.saveReport(sampleReport());
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reactune-migrate-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function linesOf(archive: Archive): Promise<readonly string[]> {
  const lines = [];
  for await (const line of archive.exportLines()) lines.push(line);
  return lines.slice(1);
}

test("migrateStore() changes nothing in a dry run, and tells what there is", async () => {
  const [from, to] = [openTempStore(), openTempStore()];
  await fill(from);
  const report = await migrateStore(from, to, { isDryRun: true });

  expect(report.kinds.get("turn")?.records).toBe(30);
  expect(report.kinds.get("feedback")?.records).toBe(19);
  expect(await linesOf(to.archive)).toEqual([]);
});

test("migrateStore() moves records and tells how far it is", async () => {
  const [from, to] = [openTempStore(), openTempStore()];
  await fill(from);
  const phases = new Set<MigrationPhase>();
  let last: readonly (number | undefined)[] = [];
  const report = await migrateStore(from, to, {
    isDryRun: false,
    tell(phase, done, total) {
      phases.add(phase);
      last = [done, total];
    },
  });

  expect(await linesOf(to.archive)).toEqual(await linesOf(from.archive));
  expect([...phases]).toEqual(["copying", "comparing"]);
  expect(last).toEqual([report.records, report.records]);
});

test("migrateStore() refuses a store that is not empty, unless it may replace it", async () => {
  const [from, to] = [openTempStore(), openTempStore()];
  await fill(from);
  await to.chat.saveTurn(sampleTurn({ id: "other" }));

  await expect(migrateStore(from, to, { isDryRun: false })).rejects.toMatchObject({ code: "IMPORT_INVALID" });
  await migrateStore(from, to, { isDryRun: false, isReplacing: true });
  expect(await to.chat.findTurn("other")).toBeUndefined();
});

test("migrateStore() rejects, naming the kind, when the new store keeps something else", async () => {
  const [from, to] = [openTempStore(), openTempStore()];
  await fill(from);
  const { archive } = to;
  const forgetful: Archive = {
    importLines: (lines, options) => archive.importLines(lines, options),
    async *exportLines() {
      for await (const line of archive.exportLines()) yield line.replace(`"comment":"good"`, `"comment":"bad"`);
    },
  };

  await expect(migrateStore(from, { archive: forgetful }, { isDryRun: false })).rejects.toMatchObject({
    code: "MIGRATION_FAILED",
    message: expect.stringMatching(/feedback \(19 -> 19\)$/u),
  });
});

describe.skipIf(mongoPeer === undefined)("migrateStore() from SQLite to MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();

  test("keeps every record, count and adapter, there and back", async () => {
    const sqlite = openTempStore();
    await fill(sqlite);
    const mongo = await openTempMongoStore(peer.uri());
    const here = await openFileStore(makeFolder(), Date.now);
    const source = join(makeTempFolder(), "adapter.gguf");
    writeFileSync(source, "GGUF weights");
    const { digest } = await here.put(source);
    const grid = openGridFiles(mongo.connection, await openFileStore(makeFolder(), Date.now));

    const report = await migrateStore(
      { archive: sqlite.archive, files: here },
      { archive: mongo.archive, files: grid },
      { isDryRun: false },
    );
    expect(report).toMatchObject({ files: 1, fileBytes: 12 });
    expect((await grid.open(digest))?.bytes).toBe(12);
    expect(await mongo.learning.readCounts(SCOPE, 0)).toEqual(await sqlite.learning.readCounts(SCOPE, 0));
    expect((await linesOf(mongo.archive)).toSorted()).toEqual((await linesOf(sqlite.archive)).toSorted());

    const back = openTempStore();
    await migrateStore(mongo, back, { isDryRun: false });
    expect(await linesOf(back.archive)).toEqual(await linesOf(sqlite.archive));
  });
});
