import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { median } from "./bench-figures.ts";

export interface BenchStartOptions {
  /** Arguments of Node: the program, its command, `--port 0`, its data folder. */
  readonly args: readonly string[];
  /** Written by the program once it listens: `{ url }`. */
  readonly serverFile: string;
  readonly rounds: number;
}

export interface StartFigures {
  readonly rounds: number;
  /** From the start of the process until `/` and `/readyz` both answer 200. */
  readonly usableMsMedian: number;
  readonly usableMsMax: number;
  readonly stopMsMedian: number;
  /** Of the process and of those it started, until usable; NaN where the system does not tell. Holds on a busy machine. */
  readonly processorMsMedian: number;
}

const USABLE_MAX_MS = 120_000;
const LOOK_EVERY_MS = 10;

/** Starts the program as a process of its own; the first round makes the data folder and is not counted. */
export async function benchStart(options: BenchStartOptions): Promise<StartFigures> {
  const [usable, stop, processor]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round <= options.rounds; round += 1) {
    const { usableMs, stopMs, processorMs } = await startOnce(options);
    if (round === 0) continue;
    usable.push(usableMs);
    stop.push(stopMs);
    processor.push(processorMs);
  }
  return {
    rounds: options.rounds,
    usableMsMedian: median(usable),
    usableMsMax: Math.max(...usable),
    stopMsMedian: median(stop),
    processorMsMedian: median(processor),
  };
}

async function startOnce({ args, serverFile }: BenchStartOptions) {
  await rm(serverFile, { force: true });
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = once(child, "exit");
  try {
    while (!(await isUsable(serverFile))) {
      if (child.exitCode !== null) throw new Error(`Cannot start the program: ${errors.slice(-2000)}`);
      if (performance.now() - startedMs > USABLE_MAX_MS) {
        throw new Error(`Cannot start the program: no page after ${USABLE_MAX_MS} ms`);
      }
      await pause(LOOK_EVERY_MS);
    }
    const usableMs = performance.now() - startedMs;
    const processorMs = await readProcessorMs(child.pid);
    child.kill("SIGTERM");
    await ended;
    return { usableMs, processorMs, stopMs: performance.now() - startedMs - usableMs };
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await ended;
    }
  }
}

/** Linux counts in hundredths of a second; fields 14 to 17 of `stat`, counted behind the name, which may have spaces. */
async function readProcessorMs(pid: number | undefined): Promise<number> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
  } catch {
    return Number.NaN; // another system
  }
}

async function isUsable(serverFile: string): Promise<boolean> {
  const url = await readUrl(serverFile);
  if (url === undefined) return false;
  for (const path of ["/", "/readyz"]) {
    const response = await fetch(new URL(path, url)).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.status !== 200) return false;
  }
  return true;
}

async function readUrl(serverFile: string): Promise<string | undefined> {
  try {
    const { url } = JSON.parse(await readFile(serverFile, "utf8"));
    return typeof url === "string" ? url : undefined;
  } catch {
    return undefined; // not there yet, or half written
  }
}
