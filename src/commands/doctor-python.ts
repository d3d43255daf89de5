import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import type { Config } from "#config/schema.ts";
import type { TrainingSetup } from "#config/training-setup.ts";
import { type Finding, failure, ok, warning } from "./doctor-finding.ts";
import { checkTorch, hasNvidiaDevice } from "./doctor-torch.ts";

const runFile = promisify(execFile);

const VERSION_MIN = [3, 11] as const;
const ASK_MAX_MS = 60_000;
const BLAS_MAX_MS = 180_000;

/** Prints {"version": [3, 11, 7], "packages": {"mlx": "0.32.4", ...}}; a missing package has no entry. */
const ASK_PACKAGES = `
import importlib.metadata, json, sys
packages = {}
for name in sys.argv[1:]:
    try:
        packages[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps({"version": sys.version_info[:3], "packages": packages}))
`;

const ASK_BLAS = `
import json
from lora_trainer.blas import find_blas
blas = find_blas(0)
print(json.dumps({"fast": blas.fast, "gflops": blas.gflops, "library": blas.library}))
`;

const packagesSchema = z.object({ version: z.array(z.int()), packages: z.record(z.string(), z.string()) });
const blasSchema = z.object({ fast: z.boolean(), gflops: z.number(), library: z.string().nullable() });

export interface PythonContext {
  readonly programDirectory: string;
  readonly trainer: Config["trainer"];
  /** What set-up wrote down; undefined when it never began. */
  readonly setup: TrainingSetup | undefined;
}

/** Python, its packages and a fast BLAS: what training needs and chat does not. */
export async function checkTraining({ programDirectory, trainer, setup }: PythonContext): Promise<readonly Finding[]> {
  if (!trainer.enabled) return [ok("Python", "not needed: trainer.enabled is false")];
  if (setup?.state === "preparing") {
    return [
      warning(
        "Python",
        setup.message,
        "Nothing to do: chat works meanwhile, and training begins to work when it is done",
      ),
    ];
  }
  const python = trainer.python ?? environmentPython(programDirectory);
  const pinned = await readPinned(join(programDirectory, "src", "trainer", "python", "requirements.lock"));
  const isTorch = trainer.backend === "torch";
  const wanted = new Map([...pinned].filter(([name]) => !isTorch || !name.startsWith("mlx")));
  let answer: z.infer<typeof packagesSchema>;
  try {
    answer = packagesSchema.parse(await askPython(python, ASK_PACKAGES, [...wanted.keys()], ASK_MAX_MS));
  } catch {
    return [describeMissingPython(python, setup)];
  }
  const [major = 0, minor = 0] = answer.version;
  const version = answer.version.join(".");
  if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1])) {
    return [
      failure(
        "Python",
        `${python} is ${version}`,
        `Install Python ${VERSION_MIN.join(".")} or newer, then run \`npm start\``,
      ),
    ];
  }
  const wrong = [...wanted].filter(([name, pinned]) => answer.packages[name] !== pinned);
  const found = ok("Python", `${version} (${python})`);
  if (wrong.length > 0) {
    const words = wrong
      .slice(0, 5)
      .map(([name, pinned]) => `${name} is ${answer.packages[name] ?? "missing"}, not ${pinned}`);
    return [
      found,
      failure("Python packages", words.join(", "), "Run `npm start`: it installs what requirements.lock names"),
    ];
  }
  const ask = (path: string, program: string, timeoutMs: number) => askPython(path, program, [], timeoutMs);
  return [
    found,
    ok("Python packages", `${wanted.size} as pinned`),
    ...(isTorch ? [] : [await checkBlas(python, programDirectory)]),
    ...(await checkTorch({ python, trainer, hasNvidia: hasNvidiaDevice(), ask })),
  ];
}

async function checkBlas(python: string, programDirectory: string): Promise<Finding> {
  const name = "BLAS";
  const fix =
    "sudo apt install libopenblas0-pthread (Debian, Ubuntu), or run `npm start` with internet, which installs mkl";
  try {
    const path = join(programDirectory, "src", "trainer", "python");
    const blas = blasSchema.parse(await askPython(python, ASK_BLAS, [], BLAS_MAX_MS, path));
    const found = `${blas.gflops.toFixed(1)} GFLOP/s${blas.library === null ? "" : ` with ${blas.library}`}`;
    return blas.fast ? ok(name, found) : warning(name, `${found}: training will be up to 50 times slower`, fix);
  } catch {
    return warning(name, "matrix products could not be measured", fix);
  }
}

/** The JSON that a Python program prints last. Rejects when it cannot run, fails or takes too long. */
async function askPython(
  python: string,
  program: string,
  args: readonly string[],
  timeoutMs: number,
  path?: string,
): Promise<unknown> {
  const options = { timeout: timeoutMs, ...(path === undefined ? {} : { cwd: path }), maxBuffer: 1e6 };
  const { stdout } = await runFile(python, ["-c", program, ...args], options);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

function describeMissingPython(python: string, setup: TrainingSetup | undefined): Finding {
  if (setup?.state === "failed") return failure("Python", setup.message, setup.hint);
  return failure(
    "Python",
    `${python} does not run: chat works, training does not`,
    "Install Python 3.11 or newer with venv (Debian, Ubuntu: sudo apt install python3 python3-venv), then run `npm start`",
  );
}

/** Names and versions of a pip lock file; lines with other forms (hashes, options) are left out. */
async function readPinned(path: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(path, "utf8");
  const pins = text.split("\n").flatMap((line) => {
    const [, name, version, marker] = /^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(;.*)?/.exec(line) ?? [];
    return name === undefined || version === undefined || marker !== undefined ? [] : [[name, version] as const];
  });
  return new Map(pins);
}

function environmentPython(programDirectory: string): string {
  const folder = process.platform === "win32" ? "Scripts" : "bin";
  return join(programDirectory, ".assets", "python", folder, "python");
}
