import { existsSync } from "node:fs";
import { join } from "node:path";
import { prepareFastBlas } from "./fast-blas.mjs";
import { fingerprint } from "./fingerprint.mjs";
import { acquireLock } from "./lock.mjs";
import { assets, inRoot } from "./paths.mjs";
import { explain } from "./problem.mjs";
import { environmentPython, hasPythonPackages, installPythonPackages } from "./python-environment.mjs";
import { readJson, writeJson } from "./stamp.mjs";
import { writeTrainingState } from "./training-state.mjs";

const blasStamp = join(assets, "stamps", "blas.json");

/** True when nothing is left to do for training; as cheap as looking at two files. */
export function isTrainingPrepared() {
  return hasPythonPackages() && readJson(blasStamp)?.environment === blasFingerprint();
}

/**
 * Python packages, then a fast BLAS. Never throws: what is missing is shown, and written down for the running program.
 * Resolves with whether training is possible.
 */
export async function prepareTraining(progress) {
  const release = await acquireLock(join(assets, "python.lock"), {
    onWait: (pid) => progress.print(`Waiting for another set-up (process ${pid ?? "unknown"})`),
  });
  try {
    if (isTrainingPrepared()) {
      writeTrainingState("ready");
      return true;
    }
    writeTrainingState("preparing", "The Python environment for training is being installed");
    await runShown(progress, "Python packages for training", async (step) => {
      if (!hasPythonPackages()) await installPythonPackages(step);
    });
    await prepareBlasIfPossible(progress);
    if (existsSync("/dev/nvidia0")) {
      progress.print(
        "  An NVIDIA device is here: docs/nvidia.md tells how to train on it (6 GB, never installed by itself)",
      );
    }
    writeTrainingState("ready");
    return true;
  } catch (error) {
    const { message, hint } = explain(error);
    writeTrainingState("failed", message, hint);
    progress.print(`  Training is not possible yet: ${message}\n  ${hint}`);
    return false;
  } finally {
    release();
  }
}

/** Training works without, only slowly: a failure is told and tried again at the next start. */
async function prepareBlasIfPossible(progress) {
  try {
    const blas = await runShown(progress, "Fast matrix products (BLAS)", async (step) => prepareFastBlas(step));
    if (blas?.fast) writeJson(blasStamp, { environment: blasFingerprint(), ...blas });
    else if (blas !== undefined) {
      progress.print(
        `  Training will be slow (${blas.gflops.toFixed(1)} GFLOP/s): sudo apt install libopenblas0-pthread mends that`,
      );
    }
  } catch (error) {
    const { message, hint } = explain(error);
    progress.print(`  Training will be slow, no fast BLAS could be installed: ${message}\n  ${hint}`);
  }
}

async function runShown(progress, title, work) {
  const step = progress.start(title);
  try {
    const result = await work(step);
    step.done();
    return result;
  } catch (error) {
    step.fail(explain(error).message);
    throw error;
  }
}

function blasFingerprint() {
  return fingerprint([environmentPython, inRoot("src", "trainer", "python", "requirements.lock")]);
}
