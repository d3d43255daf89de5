import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream, type Stats } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ADAPTER_FILES, type FileStore, type StoredFile } from "#store/file-store.ts";

const DIGEST = /^[0-9a-f]{64}$/u;
const UNFINISHED = ".unfinished";
/** Long enough for any copy that is still going on in another process. */
const ABANDONED_AFTER_MS = 3_600_000;

/** Files in `folder` as `<sha256>.gguf`, or as their kind is called; only the owner may look into it. Copies that a kill left unfinished go when the store is opened. */
export async function openFileStore(folder: string, now: () => number, kind = ADAPTER_FILES): Promise<FileStore> {
  const { extension, refuse } = kind;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeAbandoned(folder, now());
  /** What a file looked like when its hash was last right: unless that changed, 10 MB are not read again for every turn. */
  const verified = new Map<string, string>();
  const pathOf = (digest: string) => join(folder, `${digest}${extension}`);

  /** Undefined when absent; a text that is no digest names no file. */
  async function find(digest: string): Promise<Stats | undefined> {
    if (!DIGEST.test(digest)) return undefined;
    const stats = await stat(pathOf(digest)).catch(ignoreMissing);
    return stats?.isFile() === true ? stats : undefined;
  }

  async function openFile(digest: string): Promise<StoredFile | undefined> {
    const stats = await find(digest);
    if (stats === undefined) return undefined;
    const path = pathOf(digest);
    if (verified.get(digest) !== fingerprintOf(stats)) {
      verified.delete(digest);
      const found = await hashFile(path);
      if (found !== digest) throw refuse(digest, "its file was changed after it was stored");
      verified.set(digest, fingerprintOf(stats));
    }
    return { digest, path, bytes: stats.size };
  }

  return {
    async put(sourcePath) {
      const unfinished = join(folder, `${randomUUID()}${UNFINISHED}`);
      try {
        const digest = await copyAndHash(sourcePath, unfinished);
        await sync(unfinished);
        // Also over a damaged file of this name: the new bytes are right.
        await rename(unfinished, pathOf(digest));
        await sync(folder);
        const { size } = await stat(pathOf(digest));
        return { digest, path: pathOf(digest), bytes: size };
      } finally {
        await rm(unfinished, { force: true });
      }
    },
    open: openFile,
    async has(digest) {
      return (await find(digest)) !== undefined;
    },
    async remove(digest) {
      if (DIGEST.test(digest)) await rm(pathOf(digest), { force: true });
    },
    async list() {
      const names = await readdir(folder);
      const digests = names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length));
      return digests.filter((digest) => DIGEST.test(digest)).sort();
    },
  };
}

async function copyAndHash(from: string, to: string): Promise<string> {
  const hash = createHash("sha256");
  const tap = new Transform({
    transform(chunk, _encoding, next) {
      hash.update(chunk);
      next(undefined, chunk);
    },
  });
  await pipeline(createReadStream(from), tap, createWriteStream(to, { flags: "wx" }));
  return hash.digest("hex");
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** A rename is durable when its folder is; Windows cannot open folders and needs no such call. */
async function sync(path: string): Promise<void> {
  const isWindows = process.platform === "win32";
  const handle = await open(path, isWindows ? "r+" : "r").catch((cause: NodeJS.ErrnoException) => {
    if (isWindows) return undefined;
    throw cause;
  });
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}

function fingerprintOf({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [ino, size, mtimeMs, ctimeMs].join(" ");
}

async function removeAbandoned(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(UNFINISHED)) continue;
    const path = join(folder, name);
    const stats = await stat(path).catch(ignoreMissing);
    if (stats !== undefined && nowMs - stats.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
  }
}

function ignoreMissing(cause: NodeJS.ErrnoException): undefined {
  if (cause.code === "ENOENT") return undefined;
  throw cause;
}
