import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { ImportUnfinishedError } from "#core/errors.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import { openSqliteStore, type SqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { SCOPE, sampleMessage } from "../../../contract/sample-records.ts";
import { manyLines } from "../../../fixtures/store/many-lines.ts";
import { useWriter, type Writer } from "../../../fixtures/store/start-writer.ts";
import { makeTempFolder, openTempStore } from "./temp-store.ts";

/** `IMPORT_TURNS=1000000 npx vitest run test/unit/store/sqlite/import-time.test.ts` for the figures at full size. */
const TURNS = Number(process.env["IMPORT_TURNS"] ?? 4000);
const isMeasured = process.env["IMPORT_TURNS"] !== undefined;
/** A machine that runs all tests at once says nothing about time; one write for all would take longer than this by far. */
const WAIT_RATIO_MAX = 0.25;
const WAIT_MS = 1000;
const DAY_MS = 86_400_000;

function longestMs({ acknowledged }: Writer): number {
  return Math.max(0, ...acknowledged.filter(({ what }) => what === "waited").map(({ value }) => value));
}

async function recordsOf({ archive }: SqliteStore): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of archive.exportLines()) lines.push(line);
  return lines.slice(1);
}

/** As a process does that finds an import under way. */
async function startBeside(path: string): Promise<void> {
  const store = openSqliteStore({ path, now: Date.now });
  await store.archive.resumeImport();
  store.close();
}

describe("an import into SQLite", () => {
  const startWriter = useWriter();

  test("lets another process write all the time, and replaces what was there", { timeout: 3_600_000 }, async () => {
    const path = join(makeTempFolder(), "reactune.db");
    // By the same clock as whoever starts beside it: leases go by it.
    const store = openSqliteStore({ path, now: Date.now });
    await store.archive.importLines(manyLines(200), { replace: false });
    const writer = startWriter(path, "time", "w");
    await vi.waitFor(() => expect(writer.acknowledged).not.toHaveLength(0), 30_000);
    await sleep(500);
    const quietMs = longestMs(writer);

    const startedAtMs = performance.now();
    let isDone = false;
    const starting = sleep(100)
      .then(() => startBeside(path))
      .then(() => isDone);
    await store.archive.importLines(manyLines(TURNS), { replace: true });
    isDone = true;
    const importMs = Math.round(performance.now() - startedAtMs);
    await sleep(isMeasured ? 12_000 : 500);
    // A process that starts beside it leaves it alone.
    expect(await starting).toBe(false);
    const waitedMs = longestMs(writer);
    writer.process.kill();
    await writer.ended;
    if (isMeasured) process.stdout.write(`${JSON.stringify({ turns: TURNS, importMs, quietMs, waitedMs })}\n`);

    const counts = await store.learning.readCounts({ ...SCOPE, domain: ALL_DOMAINS }, 0);
    expect(counts).toMatchObject({ messages: 2 * TURNS, examples: TURNS / 10 });
    store.close();
    expect(waitedMs).toBeLessThan(Math.max(WAIT_MS, importMs * WAIT_RATIO_MAX));
  });

  test("that was killed is ended by the next start, once, and loses nothing that was written since", {
    timeout: 120_000,
  }, async () => {
    const path = join(makeTempFolder(), "reactune.db");
    const whole = openTempStore();
    await whole.archive.importLines(manyLines(TURNS), { replace: false });
    const importer = startWriter(path, "import", `${TURNS}`);
    const running = openSqliteStore({ path, now: Date.now });
    await vi.waitFor(async () => expect(await running.chat.findTurn("t0")).toBeDefined(), {
      timeout: 60_000,
      interval: 1,
    });
    importer.process.kill("SIGKILL");
    await importer.ended;
    await expect(recordsOf(running)).rejects.toThrow(ImportUnfinishedError);
    await running.chat.acceptEvent("since", sampleMessage(), 1);
    running.close();

    // The lease of who was killed has run out.
    const next = openSqliteStore({ path, now: () => Date.now() + DAY_MS });
    await next.archive.resumeImport();
    await next.archive.resumeImport();

    expect((await next.chat.claimEvent({ claimedBy: "x", nowMs: 2, leaseMs: 1 }))?.id).toBe("since");
    await next.chat.finishEvent("since");
    const records = (await recordsOf(next)).filter((line) => !line.startsWith('{"kind":"inbox-event"'));
    expect(records).toEqual(await recordsOf(whole));
    const everything = { ...SCOPE, domain: ALL_DOMAINS };
    expect(await next.learning.readCounts(everything, 0)).toEqual(await whole.learning.readCounts(everything, 0));
    next.close();
  });

  test("that was killed before its last line was checked leaves no words and changes nothing", async () => {
    const path = join(makeTempFolder(), "reactune.db");
    const running = openSqliteStore({ path, now: Date.now });
    const aside = `${path}-import`;
    const importer = startWriter(path, "import", "1000000");
    await vi.waitFor(() => expect(existsSync(aside)).toBe(true), 30_000);
    importer.process.kill("SIGKILL");
    await importer.ended;
    running.close();

    const next = openSqliteStore({ path, now: () => Date.now() + DAY_MS });
    await next.archive.resumeImport();

    expect([existsSync(aside), existsSync(`${aside}-wal`), await recordsOf(next)]).toEqual([false, false, []]);
    next.close();
  });
});
