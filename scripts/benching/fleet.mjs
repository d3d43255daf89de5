import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { dist, inRoot } from "../setup/paths.mjs";
import { findMongoPeer } from "../testing/peers.mjs";
import { openBenchWorld } from "./processes.mjs";

const PEER = fileURLToPath(new URL("../../test/fixtures/fleet/fleet-peer.ts", import.meta.url));
const MODEL = inRoot("assets", "tiny", "reactune-tiny-f16.gguf");
const SERVER_MAX_MS = 20_000;
const CONNECTED_MAX_MS = 120_000;
/** Of /proc's clock, on every Linux that Node runs on. */
const TICK_MS = 10;
/** For each process. */
const LEAD_IN = 10;
const AT_ONCE_MAX = 64;

/**
 * Processor time per message of one process and of several that share MongoDB and Redis, the same stream for each, children
 * included. At the same rate for all: one process that is given as much as it can take reads many answers at each wake-up, and several
 * of which each has less to do are woken for each. The fleets take turns, so that all meet the same load of the machine. In the middle of the measurement each process has
 * answered as many messages as any other, so that V8 has compiled as much of each. After each pause for the others some are answered
 * that do not count: a fleet at work has no such pauses.
 */
export async function benchFleet(asked) {
  const { mode, sizes, messages, rounds, perSecond, atOnce, warmUp, idleMs, nodeFlags, settings } = asked;
  if (!existsSync("/proc/self/stat")) throw new Error("Cannot measure processes and their children: there is no /proc");
  const world = openBenchWorld();
  const servers = [];
  try {
    const mongo = await startMongo(world.folder, servers);
    const fleets = [];
    for (const size of sizes) fleets.push(await openFleet(world, servers, { mode, size, mongo, nodeFlags, settings }));
    const platform = mode === "slack" ? "slack" : "discord";
    const warmUps = sizes.map((size) => warmUp + ((rounds * messages) / 2) * (1 / Math.min(...sizes) - 1 / size));
    for (const [at, { peer, size }] of fleets.entries()) {
      await peer.ask("ask", { platform, count: Math.round(warmUps[at] * size), atOnce });
    }
    const loadBefore = loadavg()[0];
    const measured = fleets.map(({ size }) => ({ size, rounds: [], doubled: 0, lost: 0 }));
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < fleets.length; turn++) {
        const at = (turn + round) % fleets.length;
        await fleets[at].peer.ask("ask", { platform, count: LEAD_IN * fleets[at].size, atOnce, perSecond });
        const figures = await measureRound(fleets[at], { platform, count: messages, atOnce: AT_ONCE_MAX, perSecond });
        measured[at].rounds.push(figures);
        measured[at].doubled += figures.doubled;
        measured[at].lost += figures.lost;
      }
    }
    const idle = await measureIdle(fleets, idleMs);
    const memory = fleets.map((fleet) => sum(fleet.pids().map(memoryOf)));
    return {
      mode,
      cores: availableParallelism(),
      loadBefore,
      loadAfter: loadavg()[0],
      messages,
      seenByEach: Math.round(warmUps[0] + (rounds * (messages / sizes[0] + LEAD_IN)) / 2),
      fleets: measured.map((one, at) => ({ ...one, idleMsPerSecond: idle[at], memoryBytes: memory[at] })),
      log: fleets.map(({ log }) => log()).join(""),
    };
  } finally {
    await world.close();
    for (const server of servers) server.kill("SIGKILL");
  }
}

async function openFleet(world, servers, { mode, size, mongo, nodeFlags, settings }) {
  const redisPort = await freePort();
  const redisArgs = ["--bind", "127.0.0.1", "--port", `${redisPort}`, "--save", "", "--dir", world.folder];
  await startServer("redis-server", redisArgs, redisPort, servers);
  const peer = await world.startPeer(PEER, { cwd: world.folder });
  const { slack, discord, ollamaUrl } = await peer.ask("open", { modelPath: MODEL, shards: size });
  const isSharded = mode === "shards" && size > 1;
  const environment = {
    MONGODB_URI: `${mongo}/bench-${mode}-${size}`,
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    OLLAMA_HOST: ollamaUrl,
    ...(mode === "slack"
      ? { SLACK_BOT_TOKEN: slack.botToken, SLACK_SIGNING_SECRET: slack.signingSecret }
      : { DISCORD_TOKEN: discord.token }),
  };
  const given = {
    "slack.apiUrl": slack.apiUrl,
    "slack.mode": "http",
    "slack.port": 0,
    "discord.apiUrl": discord.apiUrl,
    "discord.offerEmoji": false,
    "chat.firstContactNotice": false,
    "log.format": "json",
    "conversation.messagesPerMinuteMax": 1000,
    "conversation.channelMessagesPerMinuteMax": 100_000,
    "conversation.workspaceMessagesPerMinuteMax": 1_000_000,
    ...(isSharded ? { "discord.shards": size } : {}),
    ...settings,
  };
  const flags = Object.entries(given).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const processes = await Promise.all(
    Array.from({ length: isSharded ? 1 : size }, (_, number) => {
      const data = join(world.folder, `machine-${mode}-${size}-${number}`);
      const args = [...nodeFlags, join(dist, "main.js"), "bots", "--data", data, "--model", MODEL, ...flags];
      return world.start(args, {
        cwd: world.folder,
        variables: environment,
        isReady: (log) => log.includes("is ready"),
      });
    }),
  );
  if (mode === "slack") {
    const targets = processes.map(({ log }) => `http://127.0.0.1:${startedPort(log())}`);
    await peer.ask("balance", { targets });
  } else {
    await waitFor(`${size} connections`, async () => (await peer.ask("sessions")) >= size, CONNECTED_MAX_MS);
  }
  return {
    size,
    peer,
    pids: () => processes.flatMap(({ pid }) => withChildren(pid)),
    log: () => processes.map(({ log }) => log()).join(""),
  };
}

async function measureRound({ peer, pids }, asked) {
  const before = processorMs(pids());
  const mainBefore = mainThreadMs(pids());
  const { ms, doubled, lost, failures } = await peer.ask("ask", asked);
  if (failures.length > 0) throw new Error(`Cannot measure: the double failed: ${failures[0]}`);
  return {
    processorMs: (processorMs(pids()) - before) / asked.count,
    mainThreadMs: (mainThreadMs(pids()) - mainBefore) / asked.count,
    perSecond: (asked.count * 1000) / ms,
    doubled,
    lost,
  };
}

/** Of each fleet, processor time in a second in which nobody says anything. */
async function measureIdle(fleets, idleMs) {
  const before = fleets.map(({ pids }) => processorMs(pids()));
  await sleep(idleMs);
  return fleets.map(({ pids }, at) => ((processorMs(pids()) - before[at]) * 1000) / idleMs);
}

function processorMs(pids) {
  return sum(pids.map((pid) => ticksOf(`/proc/${pid}/stat`) * TICK_MS));
}

/** Where JavaScript runs; compiling and collecting have threads beside it. */
function mainThreadMs(pids) {
  return sum(pids.map((pid) => ticksOf(`/proc/${pid}/task/${pid}/stat`) * TICK_MS));
}

/** What stands after the name, which may hold spaces. */
function ticksOf(path) {
  const text = readFileSync(path, "utf8");
  const [user, system] = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return user + system;
}

function withChildren(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(withChildren)];
}

function memoryOf(pid) {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes ?? 0) * 1024;
}

async function startMongo(folder, servers) {
  const found = findMongoPeer();
  if (found === undefined) throw new Error("Cannot measure: install NX-27017, or set MONGODB_URI");
  if (found.uri !== undefined) return found.uri.replace(/^(mongodb(?:\+srv)?:\/\/[^/]+).*$/u, "$1");
  const port = await freePort();
  const files = [
    "--data-dir",
    "memory",
    "--log-file",
    join(folder, "mongo.log"),
    "--pid-file",
    join(folder, "mongo.pid"),
  ];
  await startServer(found.program, ["--host", "127.0.0.1", "--port", `${port}`, ...files], port, servers);
  return `mongodb://127.0.0.1:${port}`;
}

async function startServer(program, args, port, servers) {
  const child = spawn(program, args, { stdio: "ignore" });
  servers.push(child);
  await waitFor(program, () => child.exitCode === null && accepts(port), SERVER_MAX_MS);
}

async function waitFor(what, look, maxMs) {
  const untilMs = performance.now() + maxMs;
  while (!(await look())) {
    if (performance.now() > untilMs) throw new Error(`Cannot measure: waited in vain for ${what}`);
    await sleep(50);
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    const end = (isThere) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
  });
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function startedPort(log) {
  const line = log.split("\n").find((one) => one.includes('"slack.started"'));
  if (line === undefined) throw new Error(`Cannot measure Slack: it has not started\n${log.slice(-2000)}`);
  return JSON.parse(line).port;
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
