import { accessSync, constants } from "node:fs";
import { createConnection } from "node:net";
import { delimiter, join } from "node:path";
import { inRoot } from "../setup/paths.mjs";
import { hasPythonPackages } from "../setup/python-environment.mjs";

const browserNames = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const CONNECT_MAX_MS = 500;

/**
 * What tests may need beside the program: name, whether it is there, what to do. A test that needs a peer says so in its
 * name, "(needs browser)", and is skipped without it.
 */
export async function listPeers(env = process.env) {
  const servers = [
    { name: "ollama", url: env.OLLAMA_HOST, program: "ollama", fix: "install Ollama, or start it and set OLLAMA_HOST" },
    {
      name: "mongodb",
      url: env.MONGODB_URI,
      program: env.REACTUNE_NX27017 ?? "nx-27017",
      fix: "pip install NX-27017 into an environment on the PATH, or start MongoDB and set MONGODB_URI",
    },
    { name: "redis", url: env.REDIS_URL, program: "redis-server", fix: "install Redis, or start it and set REDIS_URL" },
  ];
  return [
    {
      name: "python",
      isThere: hasPythonPackages(),
      fix: "install Python 3.11 or newer with venv (sudo apt install python3-venv)",
    },
    {
      name: "torch",
      isThere: findTorchPython(env) !== undefined,
      fix: "optional, 6 GB: docs/nvidia.md, then REACTUNE_TORCH_PYTHON names the interpreter",
    },
    {
      name: "browser",
      isThere: findBrowser(env) !== undefined,
      fix: "sudo apt install chromium, or name one in CHROMIUM",
    },
    ...(await Promise.all(
      servers.map(async ({ name, url, program, fix }) => ({
        name,
        fix,
        isThere: url === undefined ? findProgram(program, env) !== undefined : await canConnect(url),
      })),
    )),
  ];
}

/** Path of a Chromium, $CHROMIUM first; undefined when none is installed. */
export function findBrowser(env = process.env) {
  if (env.CHROMIUM) return env.CHROMIUM;
  for (const name of browserNames) {
    const path = findProgram(name, env);
    if (path !== undefined) return path;
  }
  return undefined;
}

/** $REACTUNE_TORCH_PYTHON: an interpreter with torch, PEFT, the trainer's own packages and pytest. Undefined without it. */
export function findTorchPython(env = process.env) {
  return env.REACTUNE_TORCH_PYTHON ? findProgram(env.REACTUNE_TORCH_PYTHON, env) : undefined;
}

/** A program by its name on the PATH, or by its path. */
function findProgram(name, env) {
  if (name.includes("/")) return isExecutable(name) ? name : undefined;
  const directories = (env.PATH ?? "").split(delimiter);
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

/**
 * What the tests of the MongoDB store run against: `uri` of a real one ($MONGODB_URI), else `program`, the NX-27017 that each test
 * file starts for itself ($REACTUNE_NX27017, .peers/ in this repository, PATH). Undefined without either.
 */
export function findMongoPeer(env = process.env) {
  if (env.MONGODB_URI) return { uri: env.MONGODB_URI, program: undefined };
  const folders = [inRoot(".peers", "bin"), inRoot(".peers", "nx-27017", "bin"), ...(env.PATH ?? "").split(delimiter)];
  const programs = [env.REACTUNE_NX27017 ?? "", ...folders.map((folder) => join(folder, "nx-27017"))];
  const program = programs.find((path) => path !== "" && isExecutable(path));
  return program === undefined ? undefined : { uri: undefined, program };
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function canConnect(address) {
  const url = URL.canParse(address) ? new URL(address) : new URL(`tcp://${address}`);
  return new Promise((resolve) => {
    const socket = createConnection({ host: url.hostname, port: Number(url.port), timeout: CONNECT_MAX_MS });
    const end = (isThere) => {
      socket.destroy();
      resolve(isThere);
    };
    socket
      .once("connect", () => end(true))
      .once("timeout", () => end(false))
      .once("error", () => end(false));
  });
}
