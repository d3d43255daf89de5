import { readFile, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import mongoose from "mongoose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { AdapterRefusedError } from "#core/errors.ts";
import { digestFile } from "#inference/file-digest.ts";
import type { AdapterFile, InferenceEngine } from "#inference/inference-engine.ts";
import { OpenAiEngine } from "#inference/openai/openai-engine.ts";
import type { FileStore } from "#store/file-store.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { openGridFiles } from "#store/mongo/grid-files.ts";
import { activateAdapter } from "#trainer/activate-adapter.ts";
import {
  type AdapterFiles,
  makeAdapterFiles,
  openTinyEngine,
  silentLog,
  TINY_MODEL,
} from "../fixtures/llama/engine-under-test.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../fixtures/ollama/ollama-under-test.ts";
import { openChatServer } from "../fixtures/openai/chat-server.ts";
import { makeTrialFolder } from "../fixtures/trials/run-program.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";
import { openTrainingWorld } from "../unit/trainer/training-world.ts";

const LIMITS = {
  firstTokenMaxMs: 5000,
  nextTokenMaxMs: 5000,
  hostRetryMs: 500,
  parallelStreams: 1,
  queueMax: 8,
  queueWaitMaxMs: 5000,
  adaptersLoadedMax: 4,
  now: Date.now,
  log: silentLog,
};
const ACT = { by: "operator", reason: "better" };
let adapters: AdapterFiles;
beforeAll(async () => {
  adapters = await makeAdapterFiles();
});
afterAll(() => adapters.remove());

/** The same but for one bit, far behind the header: every parser would take it. */
async function changeByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8((bytes.at(-100) ?? 0) ^ 1, bytes.length - 100);
  await writeFile(path, bytes);
}

/** A store that knows a good adapter, and what `files` has of it now. */
async function tryToServe(engine: InferenceEngine, files: FileStore, digest: string, bytes: number) {
  const world = await openTrainingWorld({ liked: 0 });
  const baseDigest = await digestFile(TINY_MODEL);
  const known = { digest, bytes, name: "changed", baseDigest, scope: world.scope, runId: "run-1" };
  await world.store.learning.saveAdapter({
    ...known,
    datasetHash: "d".repeat(64),
    grade: "A",
    state: "candidate",
    createdAtMs: 1,
  });
  let calls = 0;
  const counted: InferenceEngine = {
    list: () => engine.list(),
    health: () => engine.health(),
    release: (one) => engine.release(one),
    prepare(request) {
      calls++;
      return engine.prepare(request);
    },
    generate(request) {
      calls++;
      return engine.generate(request);
    },
  };
  const [base] = await engine.list();
  if (base === undefined) throw new Error("The engine has no base");
  const activating = activateAdapter({ ...world.activate, files }, { engine: counted, base }, digest, ACT);
  await expect(activating).rejects.toThrow(AdapterRefusedError);
  expect(await world.store.learning.getService(world.scope)).toBeUndefined();
  return calls;
}

async function putChanged() {
  const files = await openFileStore(makeTrialFolder(), Date.now);
  const { digest, bytes, path } = await files.put(adapters.good[0]?.path ?? "");
  await changeByte(path);
  return { files, digest, bytes, changed: { digest, path } satisfies AdapterFile };
}

describe("an adapter with one byte changed", () => {
  const peer = useMongoPeer();

  test("reaches llama.cpp neither from the store nor when it is handed to the engine", {
    timeout: 180_000,
  }, async () => {
    const engine = await openTinyEngine();
    onTestFinished(() => engine.close());
    const { files, digest, bytes, changed } = await putChanged();

    const calls = await tryToServe(engine, files, digest, bytes);
    await expect(engine.prepare({ adapter: changed })).rejects.toThrow(AdapterRefusedError);
    expect((await engine.health()).adaptersLoaded).toEqual([]);
    expect(calls).toBe(0);
    tellFigures("one byte changed: llama.cpp", { refusedBy: "file store and engine", engineCalls: calls });
  });

  test.skipIf(ollamaProgram === undefined)(
    "reaches Ollama neither from the store nor when it is handed to the engine (needs ollama)",
    { timeout: 180_000 },
    async () => {
      const ollama = await startTestOllama();
      onTestFinished(() => ollama.stop());
      const prompts = await openTinyPrompts();
      const engine = await openTestEngine(prompts, [ollama.url]);
      onTestFinished(async () => {
        await engine.close();
        await prompts.close();
      });
      const { files, digest, bytes, changed } = await putChanged();

      const calls = await tryToServe(engine, files, digest, bytes);
      await expect(engine.prepare({ adapter: changed })).rejects.toThrow(AdapterRefusedError);
      const found = await digestFile(changed.path);
      for (const one of [digest, found]) {
        expect((await fetch(`${ollama.url}/api/blobs/sha256:${one}`, { method: "HEAD" })).status).toBe(404);
      }
      expect(calls).toBe(0);
      tellFigures("one byte changed: Ollama", { refusedBy: "file store and engine", engineCalls: calls, blobsSent: 0 });
    },
  );

  test("reaches no server with OpenAI's interface", async () => {
    const server = await openChatServer();
    onTestFinished(() => server.close());
    const prompts = await openTinyPrompts();
    onTestFinished(() => prompts.close());
    const engine = new OpenAiEngine({
      hosts: [{ url: server.url, kind: "vllm" }],
      base: prompts.base,
      model: "base",
      prompts,
      adapterPathOnHost: async () => "/adapters/one",
      ...LIMITS,
    });
    onTestFinished(() => engine.close());
    const { files, digest, bytes } = await putChanged();
    const before = server.seen.length;

    const calls = await tryToServe(engine, files, digest, bytes);
    expect(calls).toBe(0);
    expect(server.seen.slice(before).filter(({ path }) => !path.endsWith("/models"))).toEqual([]);
    tellFigures("one byte changed: OpenAI's interface", { refusedBy: "file store", engineCalls: calls });
  });

  test.skipIf(mongoPeer === undefined)(
    "is not handed out by GridFS, and no file of it stays (needs mongodb)",
    { timeout: 120_000 },
    async () => {
      const store = await openTempMongoStore(peer.uri());
      const { files: trainer, digest, bytes } = await putChanged();
      // On the trainer's machine it was whole; what lies in MongoDB is not.
      const { connection } = store;
      const whole = await openFileStore(makeTrialFolder(), Date.now);
      await openGridFiles(connection, whole).put(adapters.good[0]?.path ?? "");
      const path = adapters.good[0]?.path ?? "";
      const data = await readFile(path);
      data.writeUInt8((data.at(-100) ?? 0) ^ 1, data.length - 100);
      if (connection.db === undefined) throw new Error("the connection is not open");
      const bucket = new mongoose.mongo.GridFSBucket(connection.db, { bucketName: "adapter_file" });
      const stored = await bucket.find({ filename: digest }).toArray();
      expect(stored).toHaveLength(1);
      for (const { _id } of stored) await bucket.delete(_id);
      await pipeline(Readable.from([data]), bucket.openUploadStream(digest));
      const local = await openFileStore(makeTrialFolder(), Date.now);
      const engine = await openTinyEngine();
      onTestFinished(() => engine.close());

      const calls = await tryToServe(engine, openGridFiles(connection, local), digest, bytes);
      expect(await local.list()).toEqual([]);
      await expect(trainer.open(digest)).rejects.toThrow(AdapterRefusedError);
      expect(calls).toBe(0);
      tellFigures("one byte changed: GridFS", { refusedBy: "file store", engineCalls: calls, filesKept: 0 });
    },
  );
});
