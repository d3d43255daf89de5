import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findTorchPython } from "../../scripts/testing/peers.mjs";
import { makeTrialFolder, plainEnvironment, REPOSITORY, runProgram } from "../fixtures/trials/run-program.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

/** On a CPU, and without a stored copy of its modules, torch alone takes many seconds to load. */
const LOOP_MAX_MS = 1_200_000;
const python = findTorchPython() ?? "";

describe.skipIf(python === "")("lora_trainer on torch", () => {
  test("computes what it does on MLX, resumes, and exports by the same converter (needs torch)", {
    timeout: LOOP_MAX_MS,
  }, async () => {
    const { exitCode, output } = await runPytest();

    expect(exitCode, output).toBe(0);
    expect(Number(/(\d+) passed/.exec(output)?.[1])).toBeGreaterThan(15);
    const losses = [...output.matchAll(/^(.+): base loss mlx (\S+), torch (\S+)$/gmu)];
    expect(losses).toHaveLength(6);
    const [, , mlx = "", torch = ""] = losses[0] ?? [];
    tellFigures("torch beside mlx", { baseLossMlx: mlx, baseLossTorch: torch });
  });

  test("turns the whole learning loop on the tiny model (needs torch)", { timeout: LOOP_MAX_MS }, async () => {
    const cwd = makeTrialFolder();
    // At the default niceness a run beside much other work gets next to nothing.
    const trainer = [`trainer.python=${python}`, "trainer.backend=torch", "trainer.niceness=0"].flatMap((setting) => [
      "--set",
      setting,
    ]);
    const { exitCode, stdout, stderr } = await runProgram(
      [...trainer, "simulate", "--json", "--out", join(cwd, "simulation")],
      { cwd, timeoutMs: LOOP_MAX_MS },
    );
    expect(exitCode, stderr).toBe(0);
    const [{ before, after, run }] = JSON.parse(stdout);
    const folder = join(cwd, "simulation", String(readdirSync(join(cwd, "simulation"))[0]), "runs", run.id);
    const report = readdirSync(folder).map((name) => (name.endsWith(".md") ? readFileSync(join(folder, name)) : ""));
    tellFigures("learning loop on torch", {
      exactBefore: before.exact,
      exactAfter: after.exact,
      heldOut: after.questions,
      grade: run.grade,
      parity: /Trainer and engine agree[^\n]*/u.exec(report.join("\n"))?.[0] ?? "not in the report",
    });

    expect(before.exactRatio).toBeLessThan(0.1);
    expect(after.exactRatio).toBeGreaterThan(0.8);
    expect(run.state, run.verdict).toBe("activated");
  });
});

function runPytest(): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, ["-m", "pytest", "-q", "-rs", "tests_torch"], {
      cwd: join(REPOSITORY, "src", "trainer", "python"),
      env: { ...plainEnvironment(), OMP_NUM_THREADS: "1", PYTHONDONTWRITEBYTECODE: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, output }));
  });
}
