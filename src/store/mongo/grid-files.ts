import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import mongoose, { type Connection } from "mongoose";
import { ADAPTER_FILES, type FileStore, type StoredFile } from "#store/file-store.ts";
import { tellOutages } from "./outages.ts";

const DIGEST = /^[0-9a-f]{64}$/u;

interface GridFile {
  readonly _id: mongoose.mongo.ObjectId;
  readonly filename: string;
}

/**
 * Files for every machine: kept in GridFS under their hash, and opened from a local copy, which is fetched when it is first asked for
 * and taken in only when its hash is right. `local` is this machine's copy.
 */
export function openGridFiles(connection: Connection, local: FileStore, kind = ADAPTER_FILES): FileStore {
  const { db } = connection;
  if (db === undefined) throw new Error("Cannot keep files in MongoDB: the connection is not open");
  const bucket = new mongoose.mongo.GridFSBucket(db, { bucketName: `${kind.name}_file` });
  const fetching = new Map<string, Promise<StoredFile | undefined>>();

  /** Whole ones only: a file's own record is written after its last part. */
  async function listOf(digest: string): Promise<readonly GridFile[]> {
    return DIGEST.test(digest) ? bucket.find({ filename: digest }).toArray() : [];
  }

  async function upload({ digest, path }: StoredFile): Promise<void> {
    if ((await listOf(digest)).length > 0) return;
    const into = bucket.openUploadStream(digest);
    try {
      await pipeline(createReadStream(path), into);
    } catch (cause) {
      await into.abort().catch(() => undefined);
      throw cause;
    }
  }

  async function download(digest: string): Promise<StoredFile | undefined> {
    const [file] = await listOf(digest);
    if (file === undefined) return undefined;
    const folder = await mkdtemp(join(tmpdir(), "reactune-file-"));
    try {
      const path = join(folder, "fetched");
      await pipeline(bucket.openDownloadStream(file._id), createWriteStream(path, { flags: "wx" }));
      const stored = await local.put(path);
      if (stored.digest === digest) return stored;
      await local.remove(stored.digest);
      throw kind.refuse(digest, "what MongoDB holds under it has other contents");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Once for all who ask meanwhile. */
  function fetchOnce(digest: string): Promise<StoredFile | undefined> {
    const running = fetching.get(digest) ?? download(digest).finally(() => fetching.delete(digest));
    fetching.set(digest, running);
    return running;
  }

  return tellOutages<FileStore>(connection, {
    async put(sourcePath) {
      const stored = await local.put(sourcePath);
      await upload(stored);
      return stored;
    },
    async open(digest) {
      return (await local.open(digest)) ?? fetchOnce(digest);
    },
    async has(digest) {
      return (await local.has(digest)) || (await listOf(digest)).length > 0;
    },
    async remove(digest) {
      for (const { _id } of await listOf(digest)) await bucket.delete(_id);
      await local.remove(digest);
    },
    async list() {
      const kept = await bucket.find({}, { projection: { filename: 1 } }).toArray();
      return [...new Set([...kept.map(({ filename }) => filename), ...(await local.list())])].sort();
    },
  });
}
