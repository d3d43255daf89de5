import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openFileStore } from "#store/files/file-store.ts";
import { openGridFiles } from "#store/mongo/grid-files.ts";
import type { MongoStore } from "#store/mongo/open-mongo-store.ts";
import { sampleAdapter } from "../contract/sample-records.ts";
import { makeAdapterFiles } from "../fixtures/llama/engine-under-test.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { hasRedis } from "../fixtures/redis/start-redis.ts";
import { type Caller, callApi, waitFor } from "../fixtures/trials/call-api.ts";
import { readAnswer } from "../fixtures/trials/keep-asking.ts";
import { openProcesses } from "../fixtures/trials/open-processes.ts";
import { makeTrialFolder, runProgram, TINY_MODEL } from "../fixtures/trials/run-program.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const QUESTIONS = 5;
/** A machine looks once a minute for whom others erased, and when it starts. */
const MIRRORED_MAX_MS = 90_000;
const COMMAND_MAX_MS = 120_000;

describe.skipIf(!hasRedis || mongoPeer === undefined)("reactune backup and restore over servers", () => {
  const peer = useMongoPeer();

  test("another machine brings back what was backed up while people talked, and nobody who was erased since (needs redis) (needs mongodb)", {
    timeout: 600_000,
  }, async () => {
    const uri = peer.uri();
    const settings = ["chat.firstContactNotice=false", "inference.threads=1", "inference.replyTokensMax=16"];
    const { redis, cwd, start } = await openProcesses(settings, { MONGODB_URI: uri });
    const pages = await start("dashboard");
    const mongo = await openTempMongoStore(uri);
    const digest = await storeAdapter(mongo);
    const ana = startTalking(
      callApi(() => pages.url, "ana"),
      "ana",
    );
    const ben = startTalking(
      callApi(() => pages.url, "ben"),
      "ben",
    );
    await Promise.all([ana.reach(QUESTIONS), ben.reach(QUESTIONS)]);
    const environment = { REDIS_URL: redis.url, MONGODB_URI: uri };
    const command = (machine: string, given: Readonly<Record<string, string>>, ...args: readonly string[]) =>
      runProgram(["--data", join(cwd, machine), "--model", TINY_MODEL, ...args], {
        cwd,
        timeoutMs: COMMAND_MAX_MS,
        environment: given,
      });

    const saved = await command("operator", environment, "backup", join(cwd, "backup.tar"), "--json");
    expect(saved.exitCode, saved.stderr).toBe(0);
    const asked = [...(await ana.end()), ...(await ben.end())];

    // The pages run, on another machine.
    const early = await command("operator", environment, "restore", join(cwd, "backup.tar"), "--replace");
    expect([early.exitCode, early.stderr]).toEqual([1, expect.stringContaining("runs in another process")]);
    const replacing = await command("operator", environment, "import", join(cwd, "none.jsonl"), "--replace");
    expect(replacing.stderr).toContain("Cannot replace everything while Reactune runs in another process");

    // Erased on the first machine; the second one learns of it from the database, which is lost then.
    await forget(ana.person);
    const trainer = await start("trainer");
    await waitFor(async () => (existsSync(join(cwd, "trainer", "deletions.jsonl")) ? true : undefined), {
      maxMs: MIRRORED_MAX_MS,
      describe: () => trainer.log().slice(-2000),
    });
    await trainer.stop();
    await pages.stop();

    const newUri = peer.uri();
    const elsewhere = { REDIS_URL: redis.url, MONGODB_URI: newUri };
    // Those who work on other records are no hindrance.
    await start("trainer");
    const restored = await command("trainer", elsewhere, "restore", join(cwd, "backup.tar"), "--json");
    expect(restored.exitCode, restored.stderr).toBe(0);

    const anew = await openTempMongoStore(newUri);
    const questions = await questionsIn(anew);
    tellFigures("backup and restore over servers", {
      questionsAsked: asked.length,
      turnsRestored: questions.length,
      records: JSON.parse(saved.stdout).records,
    });
    // Whose words went leaves turns without any.
    expect(questions.filter((question) => question === "").length).toBeGreaterThanOrEqual(QUESTIONS);
    const kept = questions.filter((question) => question !== "");
    expect(kept.length).toBeGreaterThanOrEqual(QUESTIONS);
    expect(kept.filter((question) => !question.startsWith("ben"))).toEqual([]);
    expect(new Set(kept).size).toBe(kept.length);
    const files = openGridFiles(anew.connection, await openFileStore(makeTrialFolder(), Date.now));
    expect((await files.open(digest))?.path).toContain(digest);
  });
});

/** A file in GridFS with its record, as the trainer leaves them. */
async function storeAdapter({ learning, connection }: MongoStore): Promise<string> {
  const adapters = await makeAdapterFiles();
  onTestFinished(() => adapters.remove());
  const files = openGridFiles(connection, await openFileStore(makeTrialFolder(), Date.now));
  const { digest, bytes } = await files.put(adapters.good[0]?.path ?? "");
  await learning.saveAdapter(sampleAdapter({ digest, bytes, state: "candidate" }));
  return digest;
}

/** One question after another, each with its answer. */
function startTalking(person: Caller, name: string) {
  const answered: string[] = [];
  let isOver = false;
  const talking = (async () => {
    while (!isOver) {
      const text = `${name} asks: when does my refund arrive? (${answered.length})`;
      const { body } = await person.call("POST", "/api/messages", {
        text,
        clientMessageId: `question-${answered.length}`,
      });
      await readAnswer(person, body.messageId);
      answered.push(text);
    }
  })();
  talking.catch(() => {}); // told by end(), where the test gets that far
  return {
    person,
    async reach(count: number): Promise<void> {
      await Promise.race([
        talking,
        waitFor(async () => (answered.length >= count ? true : undefined), {
          maxMs: COMMAND_MAX_MS,
          describe: () => `${name} has ${answered.length} answers`,
        }),
      ]);
    },
    async end(): Promise<readonly string[]> {
      isOver = true;
      await talking;
      return answered;
    },
  };
}

async function forget(person: Caller): Promise<void> {
  const line = "/privacy forget";
  const asked = await person.call("POST", "/api/commands", { line, callId: "forget-asked" });
  expect(asked.body.confirm, JSON.stringify(asked.body)).toBeDefined();
  const done = await person.call("POST", "/api/commands", {
    line,
    callId: "forget-done",
    options: asked.body.confirm.options,
  });
  expect(done.status, JSON.stringify(done.body)).toBe(200);
}

async function questionsIn({ archive }: MongoStore): Promise<readonly string[]> {
  const questions: string[] = [];
  for await (const line of archive.exportLines()) {
    const { kind, record } = JSON.parse(line);
    if (kind === "turn") questions.push(record.question);
  }
  return questions;
}
