import { createHash } from "node:crypto";
import { createReadStream, lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Folders that no build reads. */
const ignored = new Set(["node_modules", "dist", "__pycache__", "python", ".git"]);

/** Names, sizes and times of files, folders included: cheap enough for every start. A missing path counts as such. */
export function fingerprint(paths) {
  const hash = createHash("sha256");
  for (const file of listFiles(paths)) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

/** Names and contents: tells a touched file from a changed one. */
export function hashContents(paths) {
  const hash = createHash("sha256");
  for (const file of listFiles(paths)) hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

/** SHA-256 of one file, read as a stream. */
export async function hashFile(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

function listFiles(paths) {
  return paths.flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    if (!stat.isDirectory()) return [path];
    const names = readdirSync(path).filter((name) => !ignored.has(name));
    return listFiles(names.sort().map((name) => join(path, name)));
  });
}
