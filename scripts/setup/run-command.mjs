import { spawn } from "node:child_process";
import { root } from "./paths.mjs";

/** How much of a failed command's output an error carries. */
const TAIL_LINES = 25;
const KEPT_CHARACTERS = 200_000;

/** A command of set-up that did not succeed; `output` is what it printed, newest last. */
export class CommandFailedError extends Error {
  constructor(command, exitCode, output, options) {
    super(`Cannot run "${command}": exit code is ${exitCode ?? "unset (killed or not found)"}`, options);
    this.name = "CommandFailedError";
    this.exitCode = exitCode;
    this.output = output;
  }

  /** The last lines that the command printed. */
  get tail() {
    return this.output.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
  }
}

/**
 * Runs a program without a shell and resolves with what it printed on both streams. `onLine` gets each line as it comes.
 * Rejects with CommandFailedError when it cannot start, ends with another code than 0 or `timeoutMs` passes.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, timeoutMs?: number }} [options]
 */
export function runCommand(program, args, { cwd = root, env = process.env, onLine, timeoutMs } = {}) {
  return new Promise((resolve, reject) => {
    // npm is a .cmd file on Windows, which only a shell can start; the arguments there are our own constants.
    const shell = process.platform === "win32" && program === "npm";
    const child = spawn(program, args, {
      cwd,
      env,
      shell,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
    });
    const words = [program, ...args].join(" ");
    let output = "";
    let rest = "";
    const collect = (chunk) => {
      output = (output + chunk).slice(-KEPT_CHARACTERS);
      const lines = (rest + chunk).split(/\r?\n|\r/);
      rest = lines.pop();
      for (const line of lines) if (line.trim() !== "") onLine?.(line);
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.once("error", (cause) => reject(new CommandFailedError(words, undefined, output, { cause })));
    child.once("close", (exitCode) => {
      if (exitCode === 0) resolve(output);
      else reject(new CommandFailedError(words, exitCode ?? undefined, output));
    });
  });
}
