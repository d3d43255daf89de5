import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, onTestFinished, test } from "vitest";
import { createProgram } from "#compose/program.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { openGridFiles } from "#store/mongo/grid-files.ts";
import { redisLiveProcesses } from "#store/redis/live-processes.ts";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { NOON_MS, SCOPE, sampleChange, sampleTurn } from "../../contract/sample-records.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../fixtures/mongo/open-peer.ts";
import { connectTo, hasRedis, startRedis } from "../../fixtures/redis/start-redis.ts";
import { recordingOutput } from "../commands/recording-output.ts";

/** The command line on a folder of its own. */
async function openBench(env = "") {
  const folder = await mkdtemp(join(tmpdir(), "reactune-program-migrate-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [envPath, data] = [join(folder, "bot.env"), join(folder, "data")];
  await writeFile(envPath, env);
  const run = async (...words: readonly string[]) => {
    const recorded = recordingOutput();
    const program = createProgram(new Command("reactune").exitOverride(), recorded.output);
    await program.parseAsync(["node", "reactune", "--env-file", envPath, "--data", data, "migrate", ...words]);
    return recorded;
  };
  return { folder, data, run };
}

test.each([
  { from: "sqlite", to: "sqlite", why: "the same" },
  { from: "sqlite", to: "redis", why: "a store is one of sqlite, mongo" },
  { from: "sqlite", to: "mongo", why: "MONGODB_URI is not set" },
])("migrate refuses to move from $from to $to when $why", async ({ from, to, why }) => {
  const { run } = await openBench();

  await expect(run("--from", from, "--to", to)).rejects.toMatchObject({
    code: "MIGRATION_REFUSED",
    message: expect.stringContaining(why),
  });
});

test.skipIf(!hasRedis)(
  "migrate refuses while a process of another machine serves either store (needs redis)",
  async () => {
    const server = await startRedis();
    const live = redisLiveProcesses(await connectTo(server));
    const { run } = await openBench(`MONGODB_URI=mongodb://127.0.0.1:1/reactune\nREDIS_URL=${server.url}\n`);
    for (const work of ["serving reactune", "serving "]) {
      await live.beat(work, "another machine", 60_000);

      await expect(run("--from", "sqlite", "--to", "mongo", "--replace")).rejects.toMatchObject({
        code: "RESTORE_REFUSED",
        message: "Cannot migrate while Reactune runs in another process",
      });
      await live.leave(work, "another machine");
    }
  },
);

describe.skipIf(mongoPeer === undefined)("migrate (needs mongodb)", () => {
  const peer = useMongoPeer();

  test("moves records and adapters from the data folder to MongoDB", { timeout: 90_000 }, async () => {
    const uri = peer.uri();
    const { folder, data, run } = await openBench(`MONGODB_URI=${uri}\n`);
    const sqlite = openSqliteStore({ path: join(data, "reactune.db"), now: () => NOON_MS });
    await sqlite.chat.saveTurn(sampleTurn());
    await sqlite.chat.putFeedback(sampleChange({ score: 5 }));
    sqlite.close();
    await writeFile(join(folder, "source.gguf"), "GGUF weights");
    const { digest } = await (await openFileStore(join(data, "adapters"), Date.now)).put(join(folder, "source.gguf"));

    const dry = await run("--from", "sqlite", "--to", "mongo", "--dry-run");
    expect(dry.text()).toContain("Would move 2 records and 1 adapter (12 B); nothing was changed");
    const moved = await run("--from", "sqlite", "--to", "mongo");
    expect(moved.text()).toContain("Moved 2 records and 1 adapter (12 B); both stores are equal");

    const mongo = await openTempMongoStore(uri);
    expect(await mongo.learning.readCounts(SCOPE, 0)).toMatchObject({ messages: 2, raters: 1 });
    const elsewhere = openGridFiles(mongo.connection, await openFileStore(join(folder, "elsewhere"), Date.now));
    expect((await elsewhere.open(digest))?.bytes).toBe(12);
    await expect(run("--from", "sqlite", "--to", "mongo")).rejects.toMatchObject({ code: "IMPORT_INVALID" });
  });
});
