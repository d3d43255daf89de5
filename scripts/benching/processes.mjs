// Processes that a bench starts beside itself: peers built from test/fixtures/bench, bots, and the product's own program.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { dist, inRoot } from "../setup/paths.mjs";

const READY_MAX_MS = 400_000;
const ANSWER_MAX_MS = 3_600_000;
const reporter = inRoot("test", "fixtures", "bench", "report-process.mjs");

/** A folder and processes that are gone in the end. */
export function openBenchWorld() {
  const folder = mkdtempSync(join(tmpdir(), "reactune-bench-"));
  const children = [];
  const cleanUp = [() => rmSync(folder, { recursive: true, force: true })];
  const start = async (args, options) => {
    const child = await startProcess(args, options);
    children.push(child);
    return child;
  };
  return {
    folder,
    start,
    /** A TypeScript peer: Node 20 runs none, so it is built first, into the repository, where packages resolve. */
    async startPeer(path, options) {
      const built = await buildPeer(path);
      cleanUp.push(() => rmSync(built.folder, { recursive: true, force: true }));
      return start([built.file], options);
    },
    /** The product as `npm start` runs it, on a data folder of its own. */
    startProgram({ settings, variables, loopDelay = false, nodeFlags = [], command = "start", data }) {
      const flags = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
      const main = [join(dist, "main.js"), command, "--data", data ?? join(folder, `data-${children.length}`)];
      return start([...nodeFlags, "--import", reporter, ...main, "--port", "0", ...flags], {
        cwd: folder,
        variables: { ...variables, ...(loopDelay ? { BENCH_LOOP_DELAY: "1" } : {}) },
        isReady: (log) => log.includes("is ready"),
      });
    },
    async close() {
      await Promise.all(children.map((child) => child.stop()));
      for (const act of cleanUp) act();
    },
  };
}

export const reporterFlags = ["--import", reporter];

async function buildPeer(path) {
  const { build, defaultServerConditions } = await import("vite");
  const folder = inRoot("node_modules", ".cache", `reactune-bench-${process.pid}-${basename(path, ".ts")}`);
  await build({
    root: inRoot(),
    configFile: false,
    logLevel: "warn",
    ssr: { resolve: { conditions: ["source", ...defaultServerConditions] } },
    build: {
      ssr: path,
      outDir: folder,
      emptyOutDir: true,
      rollupOptions: { output: { entryFileNames: "peer.mjs" } },
    },
  });
  return { folder, file: join(folder, "peer.mjs") };
}

/** Ready when it says so by a message, or when its log does. */
async function startProcess(args, { cwd, variables = {}, isReady } = {}) {
  const { PATH, HOME, TMPDIR, LANG } = process.env;
  const env = { PATH, HOME, TMPDIR, LANG, NO_COLOR: "1", BENCH_PARENT: `${process.pid}`, ...variables };
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  const waiting = new Map();
  let log = "";
  let asked = 0;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const ready = new Promise((resolve, reject) => {
    const limit = setTimeout(
      () => reject(new Error(`Cannot start ${args.at(0)}: not ready\n${log.slice(-2000)}`)),
      READY_MAX_MS,
    );
    const done = (value) => {
      clearTimeout(limit);
      resolve(value);
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        log = `${log.slice(-2_000_000)}${text}`;
        if (isReady?.(log)) done({});
      });
    }
    child.on("message", (message) => {
      if (message.isReady) done(message);
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    });
    child.once("exit", (code) => {
      clearTimeout(limit);
      reject(new Error(`Cannot go on: a process ended with ${code}\n${log.slice(-2000)}`));
    });
  });
  const told = await ready.catch((error) => {
    child.kill("SIGKILL");
    throw error;
  });
  return {
    pid: child.pid,
    told,
    log: () => log,
    ask(what, given = {}) {
      const id = ++asked;
      return new Promise((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error(`Cannot go on: no answer to "${what}"`)), ANSWER_MAX_MS);
        const fail = () => reject(new Error(`Cannot go on: a process ended\n${log.slice(-2000)}`));
        child.once("exit", fail);
        waiting.set(id, ({ value, error }) => {
          clearTimeout(limit);
          child.off("exit", fail);
          if (error === undefined) resolve(value);
          else reject(new Error(error));
        });
        child.send({ ...given, id, ask: what });
      });
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
