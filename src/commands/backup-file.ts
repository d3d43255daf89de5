import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, constants, copyFile, link, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { create, extract } from "tar";
import { z } from "zod";
import { BackupInvalidError } from "#core/errors.ts";

/**
 * A backup is one tar file: `manifest.json` with the hash of everything else, `records.jsonl.gz` as `reactune export` writes it,
 * and `adapters/<sha256>.gguf`.
 */
export const RECORDS_FILE = "records.jsonl.gz";
const MANIFEST_FILE = "manifest.json";
const MANIFEST_BYTES_MAX = 100_000_000;
const NAMES = /^(manifest\.json|records\.jsonl\.gz|adapters\/?|adapters\/[0-9a-f]{64}\.gguf)$/u;

const Manifest = z.strictObject({
  format: z.literal("reactune-backup"),
  version: z.int().positive(),
  program: z.string(),
  createdAt: z.iso.datetime(),
  records: z.int().nonnegative(),
  files: z.array(z.strictObject({ name: z.string().regex(NAMES), bytes: z.int(), sha256: z.hex().length(64) })),
});
export type BackupManifest = z.infer<typeof Manifest>;
const VERSION = 1;

export function adapterFileName(digest: string): string {
  return `adapters/${digest}.gguf`;
}

/** Undefined for what is no adapter. */
export function digestOfName(name: string): string | undefined {
  return /^adapters\/([0-9a-f]{64})\.gguf$/u.exec(name)?.[1];
}

/** A second name for the file where the disk allows it, else a copy. */
export async function stageFile(from: string, folder: string, name: string): Promise<void> {
  const to = join(folder, name);
  await mkdir(dirname(to), { recursive: true });
  await link(from, to).catch(() => copyFile(from, to));
}

/** Packs the staged files into one, for the owner's eyes only. Rejects with EEXIST when `path` is there. */
export async function packBackup(
  folder: string,
  names: readonly string[],
  about: { readonly program: string; readonly nowMs: number; readonly records: number },
  path: string,
): Promise<BackupManifest> {
  const files = [];
  for (const name of names) files.push({ name, ...(await hashFile(join(folder, name))) });
  const manifest: BackupManifest = {
    format: "reactune-backup",
    version: VERSION,
    program: about.program,
    createdAt: new Date(about.nowMs).toISOString(),
    records: about.records,
    files,
  };
  await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(manifest, null, 2));
  const packed = create({ cwd: folder, portable: true }, [MANIFEST_FILE, ...names]);
  const target = createWriteStream(path, { flags: "wx", mode: 0o600, flush: true });
  await pipeline(packed, target).catch(async (cause: unknown) => {
    // Ours from its opening on: half a backup must not lie there as if it were one.
    if (target.bytesWritten > 0 || !isExisting(cause)) await rm(path, { force: true });
    throw cause;
  });
  return manifest;
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}

/** Unpacks into an empty folder. Rejects with BackupInvalidError when anything is not as the manifest says, as the system does when it is not there. */
export async function unpackBackup(path: string, folder: string): Promise<BackupManifest> {
  await access(path, constants.R_OK); // what is not there is no damaged file
  const strange: string[] = [];
  const isOurs = (name: string, type: string) => NAMES.test(name) && ["File", "Directory"].includes(type);
  const extracting = extract({
    file: path,
    cwd: folder,
    strict: true,
    preserveOwner: false,
    filter(name, entry) {
      const isTaken = "type" in entry && isOurs(name, entry.type);
      if (!isTaken) strange.push(name);
      return isTaken;
    },
  });
  await extracting.catch((cause: unknown) => {
    throw new BackupInvalidError(path, "it is no tar file, or it is cut short", { cause });
  });
  if (strange.length > 0) throw new BackupInvalidError(path, "it holds files that no backup has");
  const manifest = await readManifest(path, folder);
  for (const { name, bytes, sha256 } of manifest.files) {
    const found = await hashFile(join(folder, name)).catch(() => undefined);
    if (found === undefined) throw new BackupInvalidError(path, `${name} is missing`);
    if (found.bytes !== bytes || found.sha256 !== sha256) {
      throw new BackupInvalidError(path, `${name} was changed after the backup was made`);
    }
  }
  return manifest;
}

async function readManifest(path: string, folder: string): Promise<BackupManifest> {
  const file = join(folder, MANIFEST_FILE);
  const size = await stat(file).then(
    (stats) => stats.size,
    () => undefined,
  );
  if (size === undefined) throw new BackupInvalidError(path, "it has no manifest");
  if (size > MANIFEST_BYTES_MAX) throw new BackupInvalidError(path, "its manifest is too long");
  const parsed = Manifest.safeParse(parseJson(await readFile(file, "utf8")));
  if (!parsed.success) throw new BackupInvalidError(path, "its manifest is not one of ours", { cause: parsed.error });
  if (parsed.data.version > VERSION) {
    throw new BackupInvalidError(path, `its version is ${parsed.data.version} and this program knows up to ${VERSION}`);
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function hashFile(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest("hex") };
}
