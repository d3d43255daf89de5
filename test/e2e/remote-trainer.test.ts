import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import mongoose from "mongoose";
import { describe, expect, onTestFinished, test } from "vitest";
import { mongoPeer, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { hasRedis, startRedis } from "../fixtures/redis/start-redis.ts";
import { type Caller, callApi, waitFor } from "../fixtures/trials/call-api.ts";
import { canTrain, makeTrialFolder } from "../fixtures/trials/run-program.ts";
import { type Server, startServer } from "../fixtures/trials/start-server.ts";
import { EAGER_TRAINING, SUPPORT_QUESTIONS, teachSupport } from "../fixtures/trials/teach-support.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const STEP_MAX_MS = 400_000;
const SETTINGS = [
  "operations.port=0",
  "trainer.stepsMin=60",
  "trainer.promotion=ask",
  // At the default a run beside much other work gets next to nothing.
  "trainer.niceness=0",
  ...EAGER_TRAINING,
];

describe("a trainer that meets the pages only in MongoDB and Redis", () => {
  const mongo = useMongoPeer({ isDurable: true });

  test.skipIf(!hasRedis || mongoPeer === undefined || !canTrain)(
    "goes on with the rows of another machine; its adapter answers from the pages' own folder, and is refused with one byte changed (needs redis) (needs mongodb) (needs python)",
    { timeout: 3 * STEP_MAX_MS },
    async () => {
      const { start, admin, files, runId, folderOf, pages } = await openFarTraining(mongo.uri());
      const [datasetFile = ""] = await files.list("dataset");
      const second = await start("trainer", "second");
      const run = await waitForEnd(admin, runId, second);
      expect(run.state, run.verdict).toBe("waiting-for-approval");

      expect(loggedBy(second, "dataset.received")).toMatchObject({ runId, digest: datasetFile });
      expect(await files.list("dataset")).toEqual([]);
      expect(listFolder(folderOf("second"), "datasets")).toEqual([]);
      const [digest = ""] = await files.list("adapter");
      expect(listFolder(folderOf("second"), "adapters")).toEqual([`${digest}.gguf`]);
      await second.stop();

      const activate = () => admin.call("POST", `/api/adapters/${digest}/activate`, {});
      await files.changeOneByte("adapter");
      const refused = await activate();
      expect(JSON.stringify(refused.body)).toContain("ADAPTER_REFUSED");
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect(listFolder(folderOf("pages"), "adapters")).toEqual([]);
      expect(await askSupport(admin, "ask-before-it", 1)).toEqual({ hasAdapter: false });

      await files.changeOneByte("adapter"); // the same bit again: as it was
      const activated = await activate();
      expect(activated.status, JSON.stringify(activated.body)).toBe(200);
      expect(listFolder(folderOf("pages"), "adapters")).toEqual([`${digest}.gguf`]);
      expect(await askSupport(admin, "ask-after-it", 9)).toEqual({ hasAdapter: true });
      tellFigures("remote trainer", {
        datasetBytes: files.bytesSeen.get(datasetFile) ?? 0,
        adapterBytes: files.bytesSeen.get(digest) ?? 0,
      });
      await pages.stop();
    },
  );
});

/** Pages, and a first trainer that is killed while it trains: each with a data folder of its own. */
async function openFarTraining(mongodbUri: string) {
  const redis = await startRedis();
  const cwd = makeTrialFolder();
  const files = await openFilesIn(mongodbUri);
  const folderOf = (machine: string) => join(cwd, machine);
  const start = (command: "dashboard" | "trainer", machine: string): Promise<Server> =>
    startServer({
      cwd,
      data: folderOf(machine),
      command,
      settings: SETTINGS,
      environment: { REDIS_URL: redis.url, MONGODB_URI: mongodbUri },
    });
  const pages = await start("dashboard", "pages");
  const first = await start("trainer", "first");
  const admin = callApi(() => pages.url, "admin");
  await teachSupport(admin, { maxMs: STEP_MAX_MS });
  const { status, body } = await admin.call("POST", "/api/training", { domain: "support" });
  expect(status, JSON.stringify(body)).toBe(202);
  const runId: string = body.run.id;
  await waitFor(async () => ((await readRun(admin, runId)).state === "training" ? true : undefined), {
    maxMs: STEP_MAX_MS,
    describe: () => `run ${runId} does not train\n${first.log().slice(-2000)}`,
  });
  await first.kill();
  expect(await files.list("dataset")).toHaveLength(1);
  return { start, admin, files, runId, folderOf, pages };
}

interface RunSeen {
  readonly state: string;
  readonly verdict?: string;
  readonly hasEnded: boolean;
}

async function readRun(admin: Caller, runId: string): Promise<RunSeen> {
  return (await admin.call("GET", `/api/runs/${runId}`)).body.run;
}

async function waitForEnd(admin: Caller, runId: string, trainer: Server): Promise<RunSeen> {
  let run = await readRun(admin, runId);
  return waitFor(
    async () => {
      run = await readRun(admin, runId);
      return run.hasEnded ? run : undefined;
    },
    { maxMs: STEP_MAX_MS, everyMs: 500, describe: () => `run ${runId} is ${run.state}\n${trainer.log().slice(-2000)}` },
  );
}

interface HasAdapter {
  readonly hasAdapter: boolean;
}

async function askSupport(person: Caller, clientMessageId: string, number: number): Promise<HasAdapter> {
  const text = SUPPORT_QUESTIONS[number];
  const { status, body } = await person.call("POST", "/api/messages", { text, clientMessageId });
  expect(status, JSON.stringify(body)).toBe(202);
  return waitFor(
    async () => {
      const [turn] = (await person.readTurns()).get(body.messageId) ?? [];
      return turn?.status === "complete" ? { hasAdapter: turn.adapter !== undefined } : undefined;
    },
    { maxMs: STEP_MAX_MS, describe: () => `"${clientMessageId}" has no answer` },
  );
}

function loggedBy(server: Server, event: string): unknown {
  const line = server
    .log()
    .split("\n")
    .find((text) => text.startsWith("{") && text.includes(`"${event}"`));
  return line === undefined ? undefined : JSON.parse(line);
}

function listFolder(...parts: readonly [string, string]): readonly string[] {
  const path = join(...parts);
  return existsSync(path) ? readdirSync(path) : [];
}

/** What lies in GridFS, and what somebody who can write to the database can do with it. */
async function openFilesIn(uri: string) {
  const connection = mongoose.createConnection();
  await connection.openUri(uri, { autoIndex: false });
  onTestFinished(() => connection.close());
  const bytesSeen = new Map<string, number>();
  const { db } = connection;
  if (db === undefined) throw new Error("the connection is not open");
  return {
    /** Of every file that was listed. */
    bytesSeen,
    async list(kind: "adapter" | "dataset"): Promise<readonly string[]> {
      const found = await db.collection(`${kind}_file.files`).find().toArray();
      for (const { filename, length } of found) bytesSeen.set(filename, length);
      return found.map(({ filename }) => String(filename));
    },
    /** Under the old hash: NX-27017 shows no chunks, so the whole file is written again. */
    async changeOneByte(kind: "adapter" | "dataset"): Promise<void> {
      const bucket = new mongoose.mongo.GridFSBucket(db, { bucketName: `${kind}_file` });
      const [file] = await bucket.find().toArray();
      if (file === undefined) throw new Error(`no ${kind} lies in GridFS`);
      const bytes = Buffer.concat(await bucket.openDownloadStream(file._id).toArray());
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await bucket.delete(file._id);
      await pipeline(Readable.from([bytes]), bucket.openUploadStream(file.filename));
    },
  };
}
