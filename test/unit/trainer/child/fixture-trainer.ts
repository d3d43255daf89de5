import { resolve } from "node:path";
import { createPythonBackend, type PythonBackendOptions } from "#trainer/child/python-backend.ts";
import type { TrainingBackend } from "#trainer/training-backend.ts";

const FOLDER = resolve(import.meta.dirname, "../../../fixtures/trainers");

export function fixturePath(name: string): string {
  return resolve(FOLDER, `${name}.mjs`);
}

/** The real backend with a small real program in the trainer's place. */
export function fixtureTrainer(name: string, options: Partial<PythonBackendOptions> = {}): TrainingBackend {
  return createPythonBackend({
    python: process.execPath,
    program: [fixturePath(name)],
    environment: process.env,
    niceness: 0,
    silenceMaxMs: 10_000,
    runMaxMs: 60_000,
    ...options,
  });
}
