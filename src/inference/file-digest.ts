import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import * as z from "zod";

/** Hashing this much takes under 0.1 s: below it no file is written beside the model. */
const CACHED_BYTES_MIN = 16_000_000;

const CachedDigest = z.strictObject({
  bytes: z.number(),
  modifiedAtMs: z.number(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/**
 * SHA-256 of a file in hex. For large files it is kept in `<file>.digest.json` and used again while size and time of the
 * last change are the same.
 */
export async function digestFile(path: string, signal?: AbortSignal): Promise<string> {
  const { size: bytes, mtimeMs: modifiedAtMs } = await stat(path);
  const cachePath = `${path}.digest.json`;
  if (bytes >= CACHED_BYTES_MIN) {
    const cached = await readCached(cachePath);
    if (cached?.bytes === bytes && cached.modifiedAtMs === modifiedAtMs) return cached.sha256;
  }

  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1_048_576 }), hash, signal === undefined ? {} : { signal });
  const sha256 = hash.digest("hex");
  if (bytes >= CACHED_BYTES_MIN) await writeCached(cachePath, { bytes, modifiedAtMs, sha256 });
  return sha256;
}

async function readCached(cachePath: string): Promise<z.infer<typeof CachedDigest> | undefined> {
  try {
    return CachedDigest.parse(JSON.parse(await readFile(cachePath, "utf8")));
  } catch {
    return undefined; // no cache, or a broken one: hash again
  }
}

async function writeCached(cachePath: string, digest: z.infer<typeof CachedDigest>): Promise<void> {
  const partPath = `${cachePath}.${process.pid}.part`;
  try {
    await writeFile(partPath, JSON.stringify(digest));
    await rename(partPath, cachePath);
  } catch {
    await rm(partPath, { force: true }); // a folder that cannot be written only costs time at the next start
  }
}
