import { existsSync } from "node:fs";
import { inRoot } from "./paths.mjs";
import { environmentPython, installWithPip, preparePip } from "./python-environment.mjs";
import { runCommand } from "./run-command.mjs";

/** BLAS from PyPI, for Linux on x86-64 without root; 310 MB with what it needs, hence only where nothing else is fast. */
const PACKAGE = "mkl==2026.2.0";

const question =
  "import json; from lora_trainer.blas import find_blas; b = find_blas(0); " +
  "print(json.dumps({'fast': b.fast, 'library': b.library, 'gflops': b.gflops}))";

/** Measured: { fast, library, gflops }. Undefined when the trainer's packages cannot answer. */
export async function measureBlas() {
  if (!existsSync(environmentPython)) return undefined;
  const env = { ...process.env, PYTHONPATH: inRoot("src", "trainer", "python") };
  try {
    return JSON.parse(
      (await runCommand(environmentPython, ["-c", question], { env, timeoutMs: 180_000 })).trim().split("\n").at(-1),
    );
  } catch {
    return undefined;
  }
}

/** Makes matrix products fast where that needs no root. Resolves with what holds afterwards. */
export async function prepareFastBlas(step) {
  const before = await measureBlas();
  const canInstall = process.platform === "linux" && process.arch === "x64";
  if (before === undefined || before.fast || !canInstall) return before;
  step.update(`installing ${PACKAGE} (310 MB)`);
  await installWithPip(await preparePip(), [PACKAGE], { step });
  return measureBlas();
}
