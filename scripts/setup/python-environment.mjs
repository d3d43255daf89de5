import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { requireDownloads } from "./environment.mjs";
import { findPython } from "./find-python.mjs";
import { assets, inRoot } from "./paths.mjs";
import { isDownloadFailure, SetupProblem } from "./problem.mjs";
import { runCommand } from "./run-command.mjs";
import { readJson, writeJson } from "./stamp.mjs";

const directory = join(assets, "python");
const stampPath = join(directory, ".reactune-setup.json");
const lockFile = inRoot("src", "trainer", "python", "requirements.lock");
const ATTEMPTS_MAX = 3;

/** The interpreter of the environment, whether or not it exists yet. */
export const environmentPython =
  process.platform === "win32" ? join(directory, "Scripts", "python.exe") : join(directory, "bin", "python");

/** True when the environment holds exactly what requirements.lock names. */
export function hasPythonPackages() {
  if (!existsSync(environmentPython) || !existsSync(lockFile)) return false;
  return readJson(stampPath)?.requirements === requirementsHash();
}

/**
 * How to call pip: the environment's own, else the system's on behalf of the environment. Creates the environment when it
 * is missing. Rejects with SetupProblem when Python, venv or pip is not there.
 */
export async function preparePip() {
  if (existsSync(environmentPython) && (await works([environmentPython, "-m", "pip", "--version"]))) {
    return [environmentPython, "-m", "pip"];
  }
  const python = findPython();
  await rm(directory, { recursive: true, force: true });
  await mkdir(assets, { recursive: true });
  if (await works([python.path, "-m", "venv", directory], 120_000)) return [environmentPython, "-m", "pip"];

  // Debian splits ensurepip off into python3-venv; an environment without pip of its own can still be filled from outside.
  await rm(directory, { recursive: true, force: true });
  const canFill =
    (await works([python.path, "-m", "pip", "--version"])) &&
    (await works([python.path, "-m", "venv", "--without-pip", directory], 120_000));
  if (canFill) return [python.path, "-m", "pip", "--python", environmentPython];
  await rm(directory, { recursive: true, force: true });
  const [major, minor] = python.version.split(".");
  throw new SetupProblem(
    `Python ${python.version} is there, but it cannot make an environment (venv with pip is missing)`,
    `Debian, Ubuntu: sudo apt install python3-venv (or python${major}.${minor}-venv); then run the same command again`,
  );
}

/** Installs requirements.lock into the environment. Rejects with CommandFailedError or SetupProblem. */
export async function installPythonPackages(step) {
  if (!existsSync(lockFile))
    throw new SetupProblem("src/trainer/python/requirements.lock is missing", "Get the whole repository");
  const pip = await preparePip();
  requireDownloads("the Python environment");
  const total = readFileSync(lockFile, "utf8")
    .split("\n")
    .filter((line) => /^[a-z0-9]/i.test(line)).length;
  let collected = 0;
  const onLine = (line) => {
    if (/^(Collecting|Requirement already satisfied)/.test(line)) collected += 1;
    if (/^Installing collected/.test(line)) step.update("unpacking", 1);
    else step.update(`${Math.min(collected, total)} of ${total} packages`, collected / total);
  };
  await installWithPip(pip, ["--no-deps", "-r", lockFile], { onLine, step });
  writeJson(stampPath, { requirements: requirementsHash() });
}

/** What an extra of the trainer's pyproject.toml names: ["pytest==9.2.0"]. */
export async function readExtra(name) {
  const program =
    "import json, sys, tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], 'rb'))['project']['optional-dependencies'][sys.argv[2]]))";
  const project = inRoot("src", "trainer", "python", "pyproject.toml");
  return JSON.parse(await runCommand(environmentPython, ["-c", program, project, name]));
}

/** `pip install`, again when a download fails. */
export async function installWithPip([program, ...before], wanted, { onLine, step } = {}) {
  const args = [...before, "install", "--disable-pip-version-check", "--no-input", "--prefer-binary", ...wanted];
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runCommand(program, args, { onLine });
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || !isDownloadFailure(error)) throw error;
      step?.update(`a download failed, attempt ${attempt + 1} of ${ATTEMPTS_MAX}`);
    }
  }
}

function requirementsHash() {
  return createHash("sha256").update(readFileSync(lockFile)).digest("hex");
}

/** A program that is only slow, on a busy machine, counts as working: its environment must not be made anew. */
function works([program, ...args], timeoutMs = 60_000) {
  return runCommand(program, args, { timeoutMs }).then(
    () => true,
    (error) => error.exitCode === undefined && error.cause === undefined,
  );
}
