import { join } from "node:path";
import { assets } from "./paths.mjs";
import { writeJson } from "./stamp.mjs";

/** Read by the running program (src/config/assets.ts), which shows it on the admin page and in `reactune doctor`. */
const path = join(assets, "training-setup.json");

/** `state`: "preparing" | "ready" | "failed"; `message` and `hint` are words for the operator. */
export function writeTrainingState(state, message = "", hint = "") {
  writeJson(path, { state, message, hint, pid: process.pid, atMs: Date.now() });
}
