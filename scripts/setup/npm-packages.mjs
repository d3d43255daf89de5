import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { requireDownloads } from "./environment.mjs";
import { inRoot } from "./paths.mjs";
import { isDownloadFailure } from "./problem.mjs";
import { runCommand } from "./run-command.mjs";
import { readJson, writeJson } from "./stamp.mjs";

/** Inside node_modules, so that deleting the folder deletes the stamp. */
const stampPath = inRoot("node_modules", ".reactune-setup.json");
const ATTEMPTS_MAX = 3;

/** Cheap: one small file hashed, two read. */
export function hasNpmPackages() {
  if (readJson(stampPath)?.lock === lockHash()) return true;
  if (!isInstalledAsLocked()) return false;
  writeJson(stampPath, { lock: lockHash() });
  return true;
}

/** Installs exactly what package-lock.json names. Rejects with CommandFailedError. */
export async function installNpmPackages(step) {
  requireDownloads("node_modules");
  const total = Object.keys(readJson(inRoot("package-lock.json"))?.packages ?? {}).length;
  // The compiler and the page builder are development packages, wanted also under NODE_ENV=production.
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=http"];
  for (let attempt = 1; ; attempt += 1) {
    let fetched = 0;
    const onLine = (line) => {
      if (!/http (fetch|cache)/.test(line)) return;
      fetched += 1;
      step.update(`${fetched} of at most ${total} packages`, fetched / total);
    };
    try {
      await runCommand("npm", args, { onLine });
      break;
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || !isDownloadFailure(error)) throw error;
      step.update(`a download failed, attempt ${attempt + 1} of ${ATTEMPTS_MAX}`);
    }
  }
  writeJson(stampPath, { lock: lockHash() });
}

/** N-API modules do not depend on Node's version, but on the system. */
function lockHash() {
  const lock = readFileSync(inRoot("package-lock.json"));
  return createHash("sha256").update(lock).update(`${process.platform}-${process.arch}`).digest("hex");
}

/** npm writes node_modules/.package-lock.json last: when it names the same versions, a plain `npm install` did our work. */
function isInstalledAsLocked() {
  const wanted = readJson(inRoot("package-lock.json"))?.packages;
  const found = readJson(inRoot("node_modules", ".package-lock.json"))?.packages;
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional, devOptional, peer }]) => {
    if (path === "") return true;
    const installed = found[path];
    return installed === undefined ? Boolean(optional || devOptional || peer) : installed.version === version;
  });
}
