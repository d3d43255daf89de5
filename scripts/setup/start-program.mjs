import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isOffline } from "./environment.mjs";
import { assets, dist, inRoot } from "./paths.mjs";
import { isChatPrepared, prepareChat } from "./prepare-chat.mjs";
import { isTrainingPrepared } from "./prepare-training.mjs";
import { explain } from "./problem.mjs";
import { createProgress } from "./progress.mjs";
import { writeTrainingState } from "./training-state.mjs";

/** Sets up what the chat needs, begins to set up training beside it, and hands over to dist/main.js, whose usual command is start. */
export async function start(argv) {
  if (!isChatPrepared()) {
    const progress = createProgress();
    try {
      await prepareChat(progress);
    } catch (error) {
      const { message, hint, tail } = explain(error);
      console.error(`${tail}\nCannot start: ${message}\n${hint}`);
      process.exitCode = 1;
      return;
    }
  }
  if (!isTrainingPrepared()) await prepareTrainingBeside();
  const main = join(dist, "main.js");
  process.argv = [process.argv[0], main, ...(argv.length === 0 ? ["start"] : argv)];
  await import(pathToFileURL(main).href);
}

/** In a child at low priority, so that the first chat need not wait for 600 MB of Python packages. */
async function prepareTrainingBeside() {
  if (isOffline()) {
    writeTrainingState(
      "failed",
      "The Python environment is missing and REACTUNE_OFFLINE forbids downloads",
      "Unset REACTUNE_OFFLINE once",
    );
    return;
  }
  writeTrainingState("preparing", "The Python environment for training is being installed");
  await mkdir(assets, { recursive: true });
  const log = openSync(join(assets, "training-setup.log"), "a");
  const child = spawn(process.execPath, [inRoot("scripts", "setup", "python.mjs"), "--with-parent"], {
    stdio: ["pipe", log, log],
  });
  child.unref();
  child.stdin.unref?.();
  child.once("spawn", () => setPriority(child.pid, constants.priority.PRIORITY_LOW));
  child.once("exit", (exitCode) => {
    const words = exitCode === 0 ? "Training is ready" : "Training is not possible yet: see `reactune doctor`";
    process.stderr.write(`${words}\n`);
  });
  child.once("error", (error) => process.stderr.write(`Training is not possible yet: ${error.message}\n`));
}
