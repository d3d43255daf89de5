import { existsSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { dist, inRoot } from "../setup/paths.mjs";
import { openBenchMongo } from "./bench-mongo.mjs";
import { startLocalServer, waitFor } from "./local-server.mjs";
import { openBenchWorld } from "./processes.mjs";
import { mainThreadMsOf, memoryOf, processorMsOf, withChildren } from "./processor-time.mjs";

const PEER = fileURLToPath(new URL("../../test/fixtures/fleet/fleet-peer.ts", import.meta.url));
const MODEL = inRoot("assets", "tiny", "reactune-tiny-f16.gguf");
const CONNECTED_MAX_MS = 120_000;
/** For each process. */
const LEAD_IN = 10;
const AT_ONCE_MAX = 64;

/**
 * Processor time per message of one process and of several that share MongoDB and Redis, the same stream for each, children
 * included. At the same rate for all, or for each process (`isOfEach`): one process that is given as much as it can take reads many answers at each wake-up, and several
 * of which each has less to do are woken for each. The fleets take turns, so that all meet the same load of the machine. In the middle of the measurement each process has
 * answered as many messages as any other, so that V8 has compiled as much of each. After each pause for the others some are answered
 * that do not count: a fleet at work has no such pauses. The databases are filled up to the same size: a larger fleet, warmed up, has more.
 */
export async function benchFleet(asked) {
  const { mode, sizes, messages, rounds, perSecond, isOfEach, atOnce, warmUp, idleMs, nodeFlags, settings } = asked;
  if (!existsSync("/proc/self/stat")) throw new Error("Cannot measure processes and their children: there is no /proc");
  const world = openBenchWorld();
  const ends = [];
  try {
    const mongo = await openBenchMongo(world.folder);
    ends.push(mongo.close);
    const fleets = [];
    for (const size of sizes) fleets.push(await openFleet(world, ends, { mode, size, mongo, nodeFlags, settings }));
    const platform = mode === "slack" ? "slack" : "discord";
    const streamOf = (size) => ({
      count: isOfEach ? messages * size : messages,
      perSecond: isOfEach ? perSecond * size : perSecond,
    });
    const seenInRounds = sizes.map((size) => (rounds * streamOf(size).count) / size);
    const warmUps = seenInRounds.map((seen) => warmUp + (Math.max(...seenInRounds) - seen) / 2);
    for (const [at, { peer, size }] of fleets.entries()) {
      await peer.ask("ask", { platform, count: Math.round(warmUps[at] * size), atOnce });
    }
    await mongo.evenOut();
    const loadBefore = loadavg()[0];
    const measured = fleets.map(({ size }) => ({ size, rounds: [], doubled: 0, lost: 0 }));
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < fleets.length; turn++) {
        const at = (turn + round) % fleets.length;
        const { peer, size } = fleets[at];
        const stream = { platform, ...streamOf(size) };
        await peer.ask("ask", { ...stream, count: LEAD_IN * size, atOnce });
        const figures = await measureRound(fleets[at], mongo, { ...stream, atOnce: AT_ONCE_MAX });
        measured[at].rounds.push(figures);
        measured[at].doubled += figures.doubled;
        measured[at].lost += figures.lost;
      }
    }
    const idle = await measureIdle(fleets, idleMs);
    const memory = fleets.map((fleet) => sum(fleet.pids().map(memoryOf)));
    return {
      mode,
      mongo: mongo.name,
      cores: availableParallelism(),
      loadBefore,
      loadAfter: loadavg()[0],
      messages,
      isOfEach,
      seenByEach: Math.round(warmUps[0] + (seenInRounds[0] + rounds * LEAD_IN) / 2),
      fleets: measured.map((one, at) => ({ ...one, idleMsPerSecond: idle[at], memoryBytes: memory[at] })),
      log: fleets.map(({ log }) => log()).join(""),
    };
  } finally {
    await world.close();
    for (const end of ends) await end();
  }
}

async function openFleet(world, ends, { mode, size, mongo, nodeFlags, settings }) {
  const redisArgs = ["--bind", "127.0.0.1", "--save", "", "--dir", world.folder];
  const redis = await startLocalServer("redis-server", (port) => [...redisArgs, "--port", `${port}`]);
  ends.push(redis.stop);
  const peer = await world.startPeer(PEER, { cwd: world.folder });
  const { slack, discord, ollamaUrl } = await peer.ask("open", { modelPath: MODEL, shards: size });
  const isSharded = mode === "shards" && size > 1;
  const environment = {
    MONGODB_URI: mongo.newDatabase(`${mode}-${size}`),
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
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

async function measureRound({ peer, pids }, mongo, asked) {
  const before = processorMs(pids());
  const mainBefore = mainThreadMs(pids());
  const mongoBefore = mongo.processorMs();
  const { ms, doubled, lost, failures } = await peer.ask("ask", asked);
  if (failures.length > 0) throw new Error(`Cannot measure: the double failed: ${failures[0]}`);
  return {
    processorMs: (processorMs(pids()) - before) / asked.count,
    mainThreadMs: (mainThreadMs(pids()) - mainBefore) / asked.count,
    mongoMs: (mongo.processorMs() - mongoBefore) / asked.count,
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
  return sum(pids.map(processorMsOf));
}

function mainThreadMs(pids) {
  return sum(pids.map(mainThreadMsOf));
}

function startedPort(log) {
  const line = log.split("\n").find((one) => one.includes('"slack.started"'));
  if (line === undefined) throw new Error(`Cannot measure Slack: it has not started\n${log.slice(-2000)}`);
  return JSON.parse(line).port;
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
