import { createHash } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { DatasetRefusedError } from "#core/errors.ts";
import type { FileStore } from "#store/file-store.ts";
import { DATASET_FILE_NAMES, writeDurably } from "./dataset-files.ts";

const Parcel = z.strictObject({
  version: z.literal(1),
  files: z.array(z.strictObject({ name: z.enum(DATASET_FILE_NAMES), content: z.string() })),
});

export interface DatasetParcel {
  /** SHA-256 of `content`, by which other machines ask for it. */
  readonly digest: string;
  readonly content: string;
}

/** A whole data set, as `writeDataset` left it in `directory`, as one file. The same data set gives the same file. */
export async function packDataset(directory: string): Promise<DatasetParcel> {
  const files = [];
  for (const name of DATASET_FILE_NAMES) files.push({ name, content: await readFile(join(directory, name), "utf8") });
  const content = JSON.stringify({ version: 1, files } satisfies z.infer<typeof Parcel>);
  return { digest: createHash("sha256").update(content).digest("hex"), content };
}

/** Puts the parcel where every machine finds it. `directory` is for the copy on the way, which goes. */
export async function sendDataset(store: FileStore, { content }: DatasetParcel, directory: string): Promise<void> {
  const path = join(directory, "parcel.json");
  try {
    await writeDurably(path, content);
    await store.put(path);
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * Writes the data set of this hash into `directory`, the manifest last, and tells whether it was there. Rejects with
 * DatasetRefusedError when its bytes are not those that were sent.
 */
export async function receiveDataset(store: FileStore, digest: string, directory: string): Promise<boolean> {
  const stored = await store.open(digest);
  if (stored === undefined) return false;
  const content = await readFile(stored.path, "utf8");
  const parsed = Parcel.safeParse(parseJson(content));
  const names = parsed.data?.files.map(({ name }) => name);
  if (!parsed.success || names?.join() !== DATASET_FILE_NAMES.join()) {
    throw new DatasetRefusedError(digest, "it is no data set of this version");
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const file of parsed.data.files) await writeDurably(join(directory, file.name), file.content);
  return true;
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
