import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import mongoose from "mongoose";
import { describe, expect, onTestFinished, test } from "vitest";
import { DatasetRefusedError } from "#core/errors.ts";
import { DATASET_FILES } from "#store/file-store.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { openGridFiles } from "#store/mongo/grid-files.ts";
import { DATASET_FILE_NAMES } from "#trainer/dataset-files.ts";
import { packDataset, receiveDataset, sendDataset } from "#trainer/dataset-parcel.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../fixtures/mongo/open-peer.ts";

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reactune-parcel-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function makeDataset(): string {
  const folder = makeFolder();
  for (const name of DATASET_FILE_NAMES) writeFileSync(join(folder, name), `{"of":"${name}","words":"olá"}\n`);
  return folder;
}

const openStore = (folder = makeFolder()) => openFileStore(folder, Date.now, DATASET_FILES);

test("receiveDataset() writes what packDataset() packed, byte for byte", async () => {
  const [from, to, store] = [makeDataset(), makeFolder(), await openStore()];
  const parcel = await packDataset(from);
  await sendDataset(store, parcel, from);

  expect(await receiveDataset(store, parcel.digest, to)).toBe(true);
  for (const name of DATASET_FILE_NAMES) {
    expect(readFileSync(join(to, name))).toEqual(readFileSync(join(from, name)));
  }
  expect(readdirSync(from).toSorted()).toEqual([...DATASET_FILE_NAMES].toSorted());
  expect(await packDataset(to)).toEqual(parcel);
});

test("receiveDataset() tells that nothing was sent", async () => {
  const to = makeFolder();

  expect(await receiveDataset(await openStore(), "a".repeat(64), to)).toBe(false);
  expect(readdirSync(to)).toEqual([]);
});

test("receiveDataset() rejects, and writes nothing, when one byte was changed on the way", async () => {
  const [from, to, folder] = [makeDataset(), makeFolder(), makeFolder()];
  const store = await openStore(folder);
  const parcel = await packDataset(from);
  await sendDataset(store, parcel, from);
  const path = join(folder, `${parcel.digest}.json`);
  writeFileSync(path, readFileSync(path, "utf8").replace("words", "wordz"));

  await expect(receiveDataset(store, parcel.digest, to)).rejects.toThrow(DatasetRefusedError);
  expect(readdirSync(to)).toEqual([]);
});

test.each([
  ["is no JSON", "words"],
  ["names a file outside", JSON.stringify({ version: 1, files: [{ name: "../../x", content: "" }] })],
  ["lacks the manifest", JSON.stringify({ version: 1, files: [{ name: "train.jsonl", content: "" }] })],
])("receiveDataset() rejects when what has the right hash %s", async (_what, content) => {
  const [store, to, source] = [await openStore(), makeFolder(), join(makeFolder(), "parcel")];
  writeFileSync(source, content);
  const { digest } = await store.put(source);
  expect(digest).toBe(createHash("sha256").update(content).digest("hex"));

  await expect(receiveDataset(store, digest, to)).rejects.toThrow(DatasetRefusedError);
  expect(readdirSync(to)).toEqual([]);
});

describe.skipIf(mongoPeer === undefined)("a data set in GridFS (needs mongodb)", () => {
  const peer = useMongoPeer();

  test("receiveDataset() gets it on another machine, and rejects when one byte was changed on the way", async () => {
    const { connection } = await openTempMongoStore(peer.uri());
    const openMachine = async () => openGridFiles(connection, await openStore(), DATASET_FILES);
    const [from, to] = [makeDataset(), makeFolder()];
    const parcel = await packDataset(from);
    await sendDataset(await openMachine(), parcel, from);

    expect(await receiveDataset(await openMachine(), parcel.digest, to)).toBe(true);
    expect(await packDataset(to)).toEqual(parcel);

    if (connection.db === undefined) throw new Error("the connection is not open");
    const bucket = new mongoose.mongo.GridFSBucket(connection.db, { bucketName: "dataset_file" });
    for (const { _id } of await bucket.find().toArray()) await bucket.delete(_id);
    const changed = parcel.content.replace("words", "wordz");
    await pipeline(Readable.from([Buffer.from(changed)]), bucket.openUploadStream(parcel.digest));
    const other = makeFolder();

    await expect(receiveDataset(await openMachine(), parcel.digest, other)).rejects.toThrow(DatasetRefusedError);
    expect(readdirSync(other)).toEqual([]);
  });
});
