// The Python environment of the trainer, made beside the running chat: `node scripts/setup/python.mjs`. Started by
// scripts/start.mjs with --with-parent: then the end of standard input (the parent is gone) ends it too. Safe to kill.
import { prepareTraining } from "./prepare-training.mjs";
import { createProgress } from "./progress.mjs";

if (process.argv.includes("--with-parent")) {
  process.stdin.resume();
  process.stdin.once("end", () => process.exit(130));
}
const isDone = await prepareTraining(createProgress());
process.exit(isDone ? 0 : 1);
