import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { AdapterRefusedError } from "#core/errors.ts";
import type { AdapterFile } from "./inference-engine.ts";

/** Before a parser reads it: 20 MB take 20 ms. Rejects with AdapterRefusedError unless the file is there and has its digest. */
export async function checkAdapterFile(adapter: AdapterFile): Promise<void> {
  const hash = createHash("sha256");
  try {
    if (!(await stat(adapter.path)).isFile()) throw new Error("it is not a file");
    await pipeline(createReadStream(adapter.path, { highWaterMark: 1_048_576 }), hash);
  } catch (cause) {
    throw unreadable(adapter, cause);
  }
  if (hash.digest("hex") === adapter.digest) return;
  throw new AdapterRefusedError(adapter.digest, "its file is not the one that was made");
}

function unreadable({ digest }: AdapterFile, cause: unknown): AdapterRefusedError {
  return new AdapterRefusedError(digest, "its file cannot be read", { cause });
}
