import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inRoot } from "../setup/paths.mjs";
import { openBenchWorld } from "./processes.mjs";

const PEER = fileURLToPath(new URL("../../test/fixtures/bench/slack-peer.ts", import.meta.url));
const BARE_BOLT = fileURLToPath(new URL("../../test/fixtures/bench/bare-bolt.mjs", import.meta.url));
const TINY_MODEL = inRoot("assets", "tiny", "reactune-tiny-f16.gguf");
const LOOK_EVERY_MS = 100;
const OLLAMA_START_MAX_MS = 60_000;
/** The workspace with half of all turns: see src/commands/bench-records.ts. */
const TEAM = "TBENCH";

/** As deploy/Dockerfile and deploy/systemd start it. */
const DEPLOYED = { MALLOC_ARENA_MAX: "2", NODE_OPTIONS: "--max-semi-space-size=4" };

/**
 * Memory of the process `reactune bots` while it serves a data folder through Slack. Ollama, where it is installed, holds the model;
 * else the process itself holds one of 2 MB.
 */
export async function benchBotsMemory({ data, events, perSecond, askers, hasEmbedder }) {
  const world = openBenchWorld();
  const ollama = await startOllama(world.folder);
  try {
    const slack = await world.startPeer(PEER);
    const { apiUrl, botToken, signingSecret } = await slack.ask("open", { teamId: TEAM });
    const bare = await world.start([BARE_BOLT, signingSecret]);
    const program = await world.startProgram({
      command: "bots",
      data,
      variables: {
        SLACK_BOT_TOKEN: botToken,
        SLACK_SIGNING_SECRET: signingSecret,
        ...DEPLOYED,
        ...(ollama === undefined ? {} : { OLLAMA_HOST: ollama.url }),
      },
      settings: {
        "inference.model": TINY_MODEL,
        ...(hasEmbedder ? {} : { "inference.embeddingModel": "none" }),
        "slack.apiUrl": apiUrl,
        "slack.mode": "http",
        "slack.port": 0,
        "inference.replyTokensMax": 32,
        "log.format": "json",
        "conversation.messagesPerMinuteMax": 1000,
      },
      loopDelay: true,
    });
    const started = readMemory(program.pid);
    const watch = watchMemory(program.pid);
    const port = startedPort(program.log());
    await program.ask("usage");
    const load = { port, barePort: bare.told.port, events, perSecond, askers, seed: 1 };
    const { timed, ...counts } = await slack.ask("load", { ...load, flushPath: join(world.folder, "flushed") });
    const { loopDelayMs } = await program.ask("usage");
    const { most, peak } = watch.stop();
    const sorted = timed.map(({ ms }) => ms).toSorted((a, b) => a - b);
    const at = (ratio) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * ratio) - 1)];
    return {
      hasOllama: ollama !== undefined,
      events: timed.length,
      ...counts,
      loopDelayMs,
      acknowledgedMs: { p50: at(0.5), p99: at(0.99) },
      startedBytes: started,
      mostBytes: most,
      peakBytes: peak,
    };
  } finally {
    await world.close();
    await ollama?.stop();
  }
}

/** Resident memory by its kind: `anonymous` is the process's own, `file` are pages of programs and files that the system may drop. */
function readMemory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN) * 1024;
  return { all: of("VmRSS"), anonymous: of("RssAnon"), file: of("RssFile"), peak: of("VmHWM") };
}

function watchMemory(pid) {
  let most = readMemory(pid);
  let peak = most.peak;
  const timer = setInterval(() => {
    const now = readMemory(pid);
    if (now.all > most.all) most = now;
    peak = now.peak;
  }, LOOK_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      return { most, peak };
    },
  };
}

function startedPort(log) {
  const line = log.split("\n").find((one) => one.includes('"slack.started"'));
  if (line === undefined) throw new Error(`Cannot measure the bots: Slack has not started\n${log.slice(-2000)}`);
  return JSON.parse(line).port;
}

/** Undefined where it is not installed. */
async function startOllama(folder) {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const { PATH, OLLAMA_PROGRAM = "ollama" } = process.env;
  const env = { PATH, HOME: folder, OLLAMA_HOST: `127.0.0.1:${port}`, OLLAMA_MODELS: join(folder, "models") };
  const child = spawn(OLLAMA_PROGRAM, ["serve"], { detached: true, stdio: "ignore", env });
  let isGone = false;
  const gone = new Promise((resolve) => {
    for (const event of ["error", "exit"]) {
      child.once(event, () => {
        isGone = true;
        resolve();
      });
    }
  });
  const startedAt = performance.now();
  for (;;) {
    if (isGone) return undefined;
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok === true) break;
    if (performance.now() - startedAt > OLLAMA_START_MAX_MS) throw new Error("Cannot start Ollama: it does not answer");
    await pause(100);
  }
  return {
    url,
    async stop() {
      // Its group: the processes that hold its models are its children.
      if (!isGone) process.kill(-child.pid, "SIGTERM");
      await gone;
    },
  };
}

function findFreePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
