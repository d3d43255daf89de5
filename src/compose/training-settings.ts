import { existsSync } from "node:fs";
import { join } from "node:path";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { readTrainingSetup } from "#config/training-setup.ts";
import type { ReadinessSettings } from "#trainer/read-readiness.ts";
import type { TrainSettings } from "#trainer/training-backend.ts";
import { assetsDirectory } from "./find-model.ts";
import { threadsOf } from "./open-inference.ts";
import { describeNoAdapters } from "./open-serving.ts";

export function readinessSettings(config: Config): ReadinessSettings {
  return { thresholds: config.readiness, days: config.dataset.days };
}

export function trainSettings({ trainer, dataset }: Config): TrainSettings {
  return {
    rank: trainer.rank,
    alpha: trainer.alpha,
    epochs: trainer.epochs,
    learningRate: trainer.learningRate,
    batchExamples: trainer.batchExamples,
    accumulation: trainer.accumulation,
    contextTokens: trainer.contextTokens,
    stepsMin: trainer.stepsMin,
    checkpointEverySteps: trainer.checkpointEverySteps,
    seed: dataset.seed,
    threads: threadsOf(trainer.threads),
  };
}

/** The interpreter that set-up made, unless the operator names one. */
export function trainerPython(config: Config["trainer"]): string {
  const folder = process.platform === "win32" ? "Scripts" : "bin";
  return config.python ?? join(assetsDirectory, "python", folder, "python");
}

/** What computes, of lora_trainer's own choice unless the operator says so. */
export function trainerFlags({ backend, baseBits }: Config["trainer"]): readonly string[] {
  return ["--backend", backend, "--base-bits", `${baseBits}`];
}

export interface MissingForTraining {
  readonly why: string;
  readonly hint: string;
}

/** Why nobody could train, or use what was trained, by these settings; undefined when they say nothing against it. */
export function missingInSettings(config: Config, { proofOnly = false } = {}): MissingForTraining | undefined {
  if (!config.trainer.enabled) {
    return { why: "Fine-tuning is switched off", hint: "Set ENABLE_FINE_TUNING=true and start again" };
  }
  return proofOnly ? undefined : describeNoAdapters(config);
}

/**
 * Why training cannot work here, in words; undefined when nothing obvious is missing. Preflight looks closer. With `proofOnly` the
 * adapter need not be of use to anybody: it is made and judged in the embedded engine, and put into service later.
 */
export function missingForTraining(config: Config, { proofOnly = false } = {}): MissingForTraining | undefined {
  const useless = missingInSettings(config, { proofOnly });
  if (useless !== undefined) return useless;
  if (config.trainer.python !== undefined) return undefined;
  const setup = readTrainingSetup();
  if (setup !== undefined && setup.state !== "ready") return { why: setup.message, hint: setup.hint };
  if (!existsSync(trainerPython(config.trainer))) {
    return {
      why: "Python for training is not installed",
      hint: "`npm start` installs it; `reactune doctor` tells what is missing",
    };
  }
  return undefined;
}

/** Where `python -m lora_trainer` finds the package. */
export const trainerPackageDirectory = join(programDirectory, "src", "trainer", "python");
