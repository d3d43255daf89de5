import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBenchWorld } from "./processes.mjs";

const PEER = fileURLToPath(new URL("../../test/fixtures/bench/slack-peer.ts", import.meta.url));
const BARE_BOLT = fileURLToPath(new URL("../../test/fixtures/bench/bare-bolt.mjs", import.meta.url));

/** From an event's sending to Slack's acknowledgement over HTTP, while the model writes all the time. */
export async function benchSlackAcknowledgement({ events, perSecond, askers, nodeFlags, settings }) {
  const world = openBenchWorld();
  try {
    const slack = await world.startPeer(PEER);
    const { apiUrl, botToken, signingSecret } = await slack.ask("open");
    const bare = await world.start([BARE_BOLT, signingSecret]);
    const program = await world.startProgram({
      variables: { SLACK_BOT_TOKEN: botToken, SLACK_SIGNING_SECRET: signingSecret },
      settings: {
        "slack.apiUrl": apiUrl,
        "slack.mode": "http",
        "slack.port": 0,
        "inference.replyTokensMax": 128,
        "log.format": "json",
        "conversation.messagesPerMinuteMax": 1000,
        ...settings,
      },
      loopDelay: true,
      nodeFlags,
    });
    const port = startedPort(program.log());
    const loadBefore = loadavg()[0];
    await program.ask("usage");
    const load = {
      port,
      barePort: bare.told.port,
      events,
      perSecond,
      askers,
      seed: 1,
      flushPath: join(world.folder, "flushed"),
    };
    const { timed, ...counts } = await slack.ask("load", load);
    const { cpu, loopDelayMs } = await program.ask("usage");
    return {
      ...counts,
      loadBefore,
      loadAfter: loadavg()[0],
      loopDelayMs,
      processorMs: (cpu.user + cpu.system) / 1000,
      events: timed.length,
      busyRatio: timed.filter(({ isBusy }) => isBusy).length / timed.length,
      ours: percentiles(timed.map(({ ms }) => ms)),
      bare: percentiles(timed.map(({ bareMs }) => bareMs)),
      flush: percentiles(timed.map(({ flushMs }) => flushMs)),
      byKind: Object.fromEntries(
        [...new Set(timed.map(({ kind }) => kind))].map((kind) => [
          kind,
          percentiles(timed.filter((one) => one.kind === kind).map(({ ms }) => ms)),
        ]),
      ),
      log: program.log(),
    };
  } finally {
    await world.close();
  }
}

function startedPort(log) {
  const line = log.split("\n").find((one) => one.includes('"slack.started"'));
  if (line === undefined) throw new Error(`Cannot measure Slack: it has not started\n${log.slice(-2000)}`);
  return JSON.parse(line).port;
}

function percentiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (ratio) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * ratio) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: sorted.at(-1) ?? Number.NaN };
}
