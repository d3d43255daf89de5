import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import mongoose from "mongoose";
import { describe, expect, onTestFinished, test } from "vitest";
import { openFileStore } from "#store/files/file-store.ts";
import { openGridFiles } from "#store/mongo/grid-files.ts";
import type { MongoStore } from "#store/mongo/open-mongo-store.ts";
import { fileStoreContract } from "../../../contract/file-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reactune-files-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** One machine: a folder of its own over the shared database. */
async function openMachine({ connection }: MongoStore) {
  return openGridFiles(connection, await openFileStore(makeFolder(), Date.now));
}

/** What somebody who can write to the database can do. */
async function replaceInGrid({ connection }: MongoStore, name: string, changed: Uint8Array): Promise<void> {
  if (connection.db === undefined) throw new Error("the connection is not open");
  const bucket = new mongoose.mongo.GridFSBucket(connection.db, { bucketName: "adapter_file" });
  for (const { _id } of await bucket.find({ filename: name }).toArray()) await bucket.delete(_id);
  await pipeline(Readable.from([changed]), bucket.openUploadStream(name));
}

function writeAdapter(bytes: Uint8Array): string {
  const path = join(makeFolder(), "adapter.gguf");
  writeFileSync(path, bytes);
  return path;
}

describe.skipIf(mongoPeer === undefined)("openGridFiles() (needs mongodb)", () => {
  const peer = useMongoPeer();
  fileStoreContract(async () => openMachine(await openTempMongoStore(peer.uri())));

  const bytes = Buffer.alloc(700_001, "weights ");
  const digest = createHash("sha256").update(bytes).digest("hex");

  test("open() fetches what another machine put, once", async () => {
    const store = await openTempMongoStore(peer.uri());
    const [trainer, bot] = [await openMachine(store), await openMachine(store)];
    const put = await trainer.put(writeAdapter(bytes));
    await bot.put(writeAdapter(Buffer.from("another")));
    expect(await bot.has(digest)).toBe(true);

    const opened = await Promise.all([bot.open(digest), bot.open(digest)]);
    expect(opened[0]).toMatchObject({ digest, bytes: bytes.length });
    expect(opened[1]).toEqual(opened[0]);
    expect(opened[0]?.path).not.toBe(put.path);
    expect(readFileSync(opened[0]?.path ?? "")).toEqual(bytes);
    expect(await trainer.list()).toEqual(await bot.list());
  });

  test("open() rejects, and keeps nothing, when one byte of it was changed on the way", async () => {
    const store = await openTempMongoStore(peer.uri());
    await (await openMachine(store)).put(writeAdapter(bytes));
    await replaceInGrid(store, digest, Buffer.from(bytes).fill("W", 300_000, 300_001));
    const folder = makeFolder();
    const local = await openFileStore(folder, Date.now);
    const bot = openGridFiles(store.connection, local);

    await expect(bot.open(digest)).rejects.toMatchObject({ code: "ADAPTER_REFUSED" });
    expect(await local.list()).toEqual([]);
    await expect(bot.open(digest)).rejects.toMatchObject({ code: "ADAPTER_REFUSED" });
  });

  test("remove() takes the file away from every machine that did not fetch it", async () => {
    const store = await openTempMongoStore(peer.uri());
    const [trainer, bot] = [await openMachine(store), await openMachine(store)];
    await trainer.put(writeAdapter(bytes));
    await trainer.remove(digest);

    expect(await bot.open(digest)).toBeUndefined();
    expect(await bot.list()).toEqual([]);
  });
});
