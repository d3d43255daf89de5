import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inRoot } from "../setup/paths.mjs";
import { environmentPython, hasPythonPackages } from "../setup/python-environment.mjs";
import { readJson } from "../setup/stamp.mjs";

const pythonTests = inRoot("src", "trainer", "python");

/** Counts of one runner. `output` is what it printed where it was told to be quiet. */
const nothing = { passed: 0, failed: 0, skipped: [], output: "" };

/** The TypeScript tests; `args` are vitest's own, `environment` comes on top of this process's. */
export function runVitest({ args = [], environment = {}, quiet = false } = {}) {
  return withReport("vitest.json", async (report) => {
    const vitest = inRoot("node_modules", "vitest", "vitest.mjs");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const { exitCode, output } = await run(process.execPath, [vitest, "run", ...reporters, ...args], {
      environment,
      quiet,
    });
    const counts = countVitest(readJson(report));
    // An error outside of any test, or no report at all, fails the run without a failed test.
    return { ...counts, failed: counts.failed === 0 && exitCode !== 0 ? 1 : counts.failed, output };
  });
}

/** The trainer's own tests. Without a Python environment: nothing passed, nothing failed, and listPeers() says so. */
export async function runPytest({ quiet = false } = {}) {
  if (!hasPythonPackages() || !existsSync(join(pythonTests, "tests"))) return nothing;
  return withReport("pytest.xml", async (report) => {
    const args = ["-m", "pytest", "-q", `--junitxml=${report}`, "tests"];
    const { exitCode, output } = await run(environmentPython, args, { quiet, cwd: pythonTests });
    const counts = countPytest(existsSync(report) ? readFileSync(report, "utf8") : "");
    return { ...counts, failed: counts.failed === 0 && exitCode !== 0 ? 1 : counts.failed, output };
  });
}

/** A file that does not even load has no tests in the report: it counts as one failure. */
export function countVitest(report) {
  if (report === undefined) return { passed: 0, failed: 0, skipped: [] };
  const files = report.testResults ?? [];
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const unloaded = files.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.every((t) => t.status !== "failed"),
  );
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    failed: tests.filter(({ status }) => status === "failed").length + unloaded.length,
    skipped: tests
      .filter(({ status }) => ["skipped", "pending", "todo", "disabled"].includes(status))
      .map(({ fullName }) => fullName),
  };
}

/** JUnit's counts: `tests` holds all of them, errors are failures outside of the test itself. */
export function countPytest(xml) {
  const number = (name) => Number(new RegExp(`<testsuite [^>]*\\b${name}="(\\d+)"`).exec(xml)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  const skipped = [...xml.matchAll(/<testcase [^>]*\bname="([^"]+)"[^>]*>\s*<skipped/g)].map(([, name]) => name);
  return { passed: Math.max(0, number("tests") - failed - number("skipped")), failed, skipped };
}

async function withReport(name, work) {
  const directory = await mkdtemp(join(tmpdir(), "reactune-test-"));
  try {
    return await work(join(directory, name));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function run(program, args, { quiet, environment = {}, cwd = inRoot() }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...environment },
      stdio: ["ignore", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => (output += text));
    child.once("error", (error) => resolve({ exitCode: 1, output: `${output}${error.message}` }));
    child.once("close", (exitCode) => resolve({ exitCode: exitCode ?? 1, output }));
  });
}
