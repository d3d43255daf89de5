import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openFileStore } from "#store/files/file-store.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { NOON_MS, sampleChange, sampleTurn } from "../contract/sample-records.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { waitFor } from "../fixtures/trials/call-api.ts";
import { makeTrialFolder, PROGRAM, plainEnvironment } from "../fixtures/trials/run-program.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const TURNS = 200;
const STEP_MAX_MS = 120_000;

describe.skipIf(mongoPeer === undefined)("reactune migrate", () => {
  const peer = useMongoPeer();

  test("moves everything, as an operator would: looked at before, killed midway, done again (needs mongodb)", {
    timeout: 600_000,
  }, async () => {
    const uri = peer.uri();
    const cwd = makeTrialFolder();
    const data = join(cwd, "data");
    await fill(data, cwd);
    writeFileSync(join(cwd, ".env"), `MONGODB_URI=${uri}\n`, { mode: 0o600 });
    const migrate = (...more: readonly string[]) =>
      start(cwd, ["--data", data, "migrate", "--from", "sqlite", "--to", "mongo", ...more]);
    const mongo = await openTempMongoStore(uri);
    const countDocuments = async () => {
      let count = 0;
      const collections = (await mongo.connection.db?.collections()) ?? [];
      for (const one of collections) if (/turn/i.test(one.collectionName)) count += await one.countDocuments();
      return count;
    };
    const emptyCount = await countDocuments();

    const dry = await migrate("--dry-run").ended;
    expect(dry.exitCode, dry.stderr).toBe(0);
    expect(dry.stdout).toContain("and 1 adapter (12 B); nothing was changed");
    expect(await countDocuments()).toBe(emptyCount);

    const cut = migrate();
    await waitFor(async () => ((await countDocuments()) > emptyCount ? true : undefined), {
      maxMs: STEP_MAX_MS,
      everyMs: 10,
      describe: () => "nothing was copied",
    });
    cut.kill();
    await cut.ended;
    const cutCount = await countDocuments();
    const refused = await migrate().ended;
    expect(refused.exitCode).not.toBe(0);
    // Opening the store ended what was cut short, and nothing is written over it unasked.
    expect(refused.stderr).toContain("the store is not empty");

    const moved = await migrate("--replace").ended;
    expect(moved.exitCode, moved.stderr).toBe(0);
    expect(moved.stdout).toContain("both stores are equal");
    // Kinds, counts and hashes are those that the dry run told.
    expect(figuresOf(moved.stdout)).toEqual(figuresOf(dry.stdout));
    expect(await mongo.chat.findTurn(`turn-${TURNS - 1}`)).toMatchObject({ question: `How long, ${TURNS - 1}?` });
    expect(moved.stdout + moved.stderr + refused.stderr).not.toContain("mongodb://");
    tellFigures("migration killed midway and done again", {
      records: TURNS * 2,
      copiedBeforeTheKill: cutCount - emptyCount,
      kindsWithEqualHashes: figuresOf(moved.stdout).length,
    });
  });
});

/** Turns with a score each, and one adapter. */
async function fill(data: string, cwd: string): Promise<void> {
  const sqlite = openSqliteStore({ path: join(data, "reactune.db"), now: () => NOON_MS });
  for (let index = 0; index < TURNS; index++) {
    const id = `turn-${index}`;
    await sqlite.chat.saveTurn(sampleTurn({ id, question: `How long, ${index}?` }));
    await sqlite.chat.putFeedback(sampleChange({ turnId: id, score: 5 }));
  }
  sqlite.close();
  writeFileSync(join(cwd, "source.gguf"), "GGUF weights");
  await (await openFileStore(join(data, "adapters"), Date.now)).put(join(cwd, "source.gguf"));
}

function figuresOf(stdout: string): readonly string[] {
  return stdout.split("\n").filter((line) => /^\S+ +\d+ {2}[0-9a-f]{16}$/.test(line));
}

function start(cwd: string, args: readonly string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd, env: plainEnvironment(), stdio: "pipe" });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  return {
    kill: () => void child.kill("SIGKILL"),
    ended: once(child, "close").then(([exitCode]) => ({ exitCode, stdout, stderr })),
  };
}
