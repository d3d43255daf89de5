import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildProgram } from "./build-program.mjs";
import { fingerprint, hashContents } from "./fingerprint.mjs";
import { assets, dist, inRoot } from "./paths.mjs";
import { readJson, writeJson } from "./stamp.mjs";

const stampPath = join(assets, "stamps", "build.json");
const sources = ["src", "tsconfig.json", "package.json"].map((name) => inRoot(name));

/** True when dist/ was built from the source as it is now. Times are looked at first, contents only where they differ. */
export function isProgramBuilt() {
  if (!existsSync(join(dist, "main.js"))) return false;
  const stamp = readJson(stampPath);
  const now = fingerprint(sources);
  if (stamp?.fingerprint === now) return true;
  if (stamp?.contents !== hashContents(sources)) return false;
  writeJson(stampPath, { ...stamp, fingerprint: now });
  return true;
}

/** Builds and remembers of what. Rejects with CommandFailedError. */
export async function buildAndStamp() {
  const before = { fingerprint: fingerprint(sources), contents: hashContents(sources) };
  await buildProgram();
  writeJson(stampPath, before);
}
