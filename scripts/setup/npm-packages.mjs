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

/** Installs the versions that package-lock.json names. Rejects with CommandFailedError. */
export async function installNpmPackages(step) {
  requireDownloads("node_modules");
  const total = Object.keys(lockedPackages()).length;
  for (let attempt = 1; ; attempt += 1) {
    let lookedUp = 0;
    let fetched = 0;
    const onLine = (line) => {
      if (!/http (fetch|cache)/.test(line)) return;
      if (line.includes(".tgz")) fetched += 1;
      else lookedUp += 1;
      if (fetched === 0) step.update(`looked up ${lookedUp} packages`);
      else step.update(`fetched ${fetched} of at most ${total} packages, unpacking`, fetched / total);
    };
    try {
      await runCommand("npm", installArguments(), { onLine });
      break;
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || !isDownloadFailure(error)) throw error;
      step.update(`a download failed, attempt ${attempt + 1} of ${ATTEMPTS_MAX}`);
    }
  }
  writeJson(stampPath, { lock: lockHash() });
}

/**
 * `npm ci` refuses a lock file that leaves out optional packages of other systems, as one made with a registry that lacks
 * them does; `npm install` takes it and keeps to its versions. Other systems than Linux then need what the file leaves out.
 */
function installArguments() {
  const usual = ["--include=dev", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=http"];
  if (isLockComplete()) return ["ci", ...usual];
  return ["install", "--no-save", ...(process.platform === "linux" ? [] : ["--no-package-lock"]), ...usual];
}

function isLockComplete() {
  const packages = lockedPackages();
  const names = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, "")));
  return Object.values(packages).every(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies).every((name) => names.has(name)),
  );
}

function lockedPackages() {
  return readJson(inRoot("package-lock.json"))?.packages ?? {};
}

/** N-API modules do not depend on Node's version, but on the system. */
function lockHash() {
  const lock = readFileSync(inRoot("package-lock.json"));
  return createHash("sha256").update(lock).update(`${process.platform}-${process.arch}`).digest("hex");
}

/** npm writes node_modules/.package-lock.json last: when it names the same versions, a plain `npm install` did our work. */
function isInstalledAsLocked() {
  const wanted = lockedPackages();
  const found = readJson(inRoot("node_modules", ".package-lock.json"))?.packages;
  if (found === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional, devOptional, peer }]) => {
    if (path === "") return true;
    const installed = found[path];
    return installed === undefined ? Boolean(optional || devOptional || peer) : installed.version === version;
  });
}
