import { spawn } from "node:child_process";
import { setPriority } from "node:os";
import { join } from "node:path";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { TrainingFailedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

const GRACE_MS = 30_000;
/** Of a worker whose store went away: the run is as good as before (EX_TEMPFAIL of sysexits.h). */
export const OUTAGE_EXIT_CODE = 75;

/**
 * Runs one training run in a process of its own, at low priority, so that building rows and evaluating never hold up a
 * reply. The worker lives on this process's end of its standard input: the first line is the configuration, "cancel"
 * cancels, and the end of it means that this process is gone. "interrupted": a server went away, and the run goes on when it is back.
 */
export function runInWorker(
  config: Config,
  runId: string,
  log: Log,
  stop: { signal: AbortSignal; isCancel: () => boolean },
): Promise<"ended" | "interrupted"> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(programDirectory, "dist", "main.js"), "training-worker", runId], {
      stdio: ["pipe", "inherit", "inherit"],
    });
    if (child.pid !== undefined) lowerPriority(child.pid, config.trainer.niceness);
    child.stdin.on("error", () => {}); // a worker that is gone reads nothing; its exit is told below
    child.stdin.write(`${JSON.stringify({ ...config, feedback: undefined })}\n`);

    let killTimer: NodeJS.Timeout | undefined;
    const onAbort = () => {
      if (stop.isCancel()) child.stdin.write("cancel\n");
      else child.stdin.end();
      killTimer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    };
    if (stop.signal.aborted) onAbort();
    else stop.signal.addEventListener("abort", onAbort, { once: true });

    const finish = (act: () => void) => {
      clearTimeout(killTimer);
      stop.signal.removeEventListener("abort", onAbort);
      child.stdin.end();
      act();
    };
    child.on("error", (cause) => finish(() => reject(workerError(runId, "it cannot be started", cause))));
    child.on("exit", (exitCode, signal) => {
      log.info({ runId, exitCode, signal }, "worker.exited");
      finish(() => {
        if (exitCode === 0) resolve("ended");
        else if (exitCode === OUTAGE_EXIT_CODE) resolve("interrupted");
        else reject(workerError(runId, `the worker ended with ${signal ?? exitCode}`));
      });
    });
  });
}

function workerError(runId: string, why: string, cause?: unknown): TrainingFailedError {
  const hint = "It is tried again from the last checkpoint; the log above says what happened";
  return new TrainingFailedError(runId, why, hint, cause === undefined ? undefined : { cause });
}

function lowerPriority(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness);
  } catch {
    // It ended already, or the system forbids it: training then runs at normal priority.
  }
}
