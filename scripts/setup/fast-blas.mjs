import { existsSync } from "node:fs";
import { inRoot } from "./paths.mjs";
import { environmentPython, installWithPip, preparePip, readExtra } from "./python-environment.mjs";
import { runCommand } from "./run-command.mjs";

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

/** Makes matrix products fast where that needs no root: MLX's Linux wheel links a BLAS that is 50 times slower than need be. Resolves with what holds afterwards. */
export async function prepareFastBlas(step) {
  const before = await measureBlas();
  const canInstall = process.platform === "linux" && process.arch === "x64";
  if (before === undefined || before.fast || !canInstall) return before;
  step.update("installing one from PyPI (310 MB)");
  await installWithPip(await preparePip(), await readExtra("blas"), { step });
  return measureBlas();
}
