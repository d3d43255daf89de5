import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { setPriority } from "node:os";
import { createInterface } from "node:readline";
import { TrainerEvent } from "./trainer-events.ts";

export interface TrainerProcessOptions {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** 0 to 19; chat outranks training. */
  readonly niceness: number;
  /** Killed after this long without an event. */
  readonly silenceMaxMs: number;
  readonly runMaxMs: number;
  readonly stderrPath: string;
  readonly onEvent: (event: TrainerEvent) => void;
  readonly signal: AbortSignal;
}

/** How the process ended. `exitCode` is null when a signal ended it. */
export interface TrainerExit {
  readonly exitCode: number | null;
  readonly cause: "exited" | "cancelled" | "silent" | "overlong" | "babbling" | "not-started";
  /** What the process said last about a failure of its own. */
  readonly error?: Extract<TrainerEvent, { event: "error" }>;
}

/** After SIGTERM the trainer writes its checkpoint; then it is killed. */
const GRACE_MS = 15_000;
/** A few stray lines are somebody's print; more is not our trainer. */
const STRAY_LINES_MAX = 50;
const LINE_BYTES_MAX = 1_000_000;
/** A child of the child can hold the pipes open for ever after it. */
const PIPES_MAX_MS = 2000;
const STDERR_BYTES_MAX = 5_000_000;

/** Runs the trainer to its end. Never rejects: every way to end is a value. The child dies with this process (its stdin closes). */
export function runTrainerProcess(options: TrainerProcessOptions): Promise<TrainerExit> {
  return new Promise((resolve) => {
    const child = spawn(options.command, options.arguments, {
      env: options.environment as NodeJS.ProcessEnv,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let cause: TrainerExit["cause"] = "exited";
    let error: TrainerExit["error"];
    let strayLines = 0;
    let killTimer: NodeJS.Timeout | undefined;
    let pipesTimer: NodeJS.Timeout | undefined;

    const end = (why: TrainerExit["cause"], signal: NodeJS.Signals) => {
      if (cause !== "exited") return;
      cause = why;
      child.kill(signal);
      killTimer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    };
    const cancel = () => end("cancelled", "SIGTERM");
    let silence = setTimeout(() => end("silent", "SIGKILL"), options.silenceMaxMs);
    const overlong = setTimeout(() => end("overlong", "SIGTERM"), options.runMaxMs);

    let lineBytes = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      const lineEnd = chunk.lastIndexOf("\n");
      lineBytes = lineEnd < 0 ? lineBytes + chunk.length : chunk.length - lineEnd - 1;
      if (lineBytes > LINE_BYTES_MAX) end("babbling", "SIGKILL");
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = parseEvent(line);
      if (event === undefined) {
        strayLines++;
        if (strayLines > STRAY_LINES_MAX) end("babbling", "SIGKILL");
        return;
      }
      clearTimeout(silence);
      silence = setTimeout(() => end("silent", "SIGKILL"), options.silenceMaxMs);
      if (event.event === "error") error = event;
      options.onEvent(event);
    });
    keepStderr(child.stderr, options.stderrPath);
    child.stdin.on("error", () => {}); // a child that is gone has no stdin: its exit is told below

    const finish = (exitCode: number | null, why: TrainerExit["cause"]) => {
      clearTimeout(silence);
      clearTimeout(overlong);
      clearTimeout(killTimer);
      clearTimeout(pipesTimer);
      child.stdout.destroy();
      child.stderr.destroy();
      options.signal.removeEventListener("abort", cancel);
      resolve({ exitCode, cause: why, ...(error === undefined ? {} : { error }) });
    };
    child.on("error", () => finish(null, "not-started"));
    child.on("close", (exitCode) => finish(exitCode, cause));
    child.on("exit", (exitCode) => {
      pipesTimer = setTimeout(() => finish(exitCode, cause), PIPES_MAX_MS);
    });
    if (child.pid !== undefined) lowerPriority(child.pid, options.niceness);
    if (options.signal.aborted) cancel();
    else options.signal.addEventListener("abort", cancel, { once: true });
  });
}

function parseEvent(line: string): TrainerEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return TrainerEvent.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** What the trainer says beside its protocol, for the operator; bounded, since a loop can print for ever. */
function keepStderr(stderr: NodeJS.ReadableStream, path: string): void {
  const file = createWriteStream(path, { flags: "a" });
  let bytes = 0;
  file.on("error", () => {}); // a full disk costs the operator these words, not the run
  stderr.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= STDERR_BYTES_MAX) file.write(chunk);
  });
  stderr.on("close", () => file.end());
}

function lowerPriority(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness);
  } catch {
    // It ended already, or the system forbids it: training then runs at normal priority.
  }
}
