import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { programDirectory } from "./load.ts";

const setupSchema = z.object({
  state: z.enum(["preparing", "ready", "failed"]),
  message: z.string(),
  hint: z.string(),
  pid: z.int(),
});

export type TrainingSetup = Readonly<z.infer<typeof setupSchema>>;

/**
 * How far set-up (scripts/setup/prepare-training.mjs) is with what training needs; it goes on while the chat runs already.
 * Undefined when it never began. A set-up that was killed counts as failed.
 */
export function readTrainingSetup(directory = programDirectory): TrainingSetup | undefined {
  const setup = parseSetup(join(directory, ".assets", "training-setup.json"));
  if (setup?.state !== "preparing" || isAlive(setup.pid)) return setup;
  return {
    ...setup,
    state: "failed",
    message: "Set-up of training was interrupted",
    hint: "Run `npm start`: it goes on where it stopped",
  };
}

function parseSetup(path: string): TrainingSetup | undefined {
  try {
    return setupSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined; // set-up writes it whole; a missing or foreign file says nothing
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
