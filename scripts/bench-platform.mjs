// `npm run bench -- --only platform`: what Discord and Slack cost, against doubles in processes of their own.
// `node scripts/bench-platform.mjs --only slack --events 5000`; `--as-built` measures dist/ as it lies there.
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { requireNode } from "./setup/require-node.mjs";

requireNode();
const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: ["slack", "discord"] },
    events: { type: "string", default: "6000" },
    "per-second": { type: "string", default: "60" },
    askers: { type: "string", default: "6" },
    messages: { type: "string", default: "300" },
    rounds: { type: "string", default: "8" },
    "warm-up": { type: "string", default: "2000" },
    "at-once": { type: "string", default: "4" },
    set: { type: "string", multiple: true, default: [] },
    "node-flag": { type: "string", multiple: true, default: [] },
    "as-built": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    log: { type: "boolean", default: false },
  },
});
if (!values["as-built"]) {
  const { isChatPrepared, prepareChat } = await import("./setup/prepare-chat.mjs");
  const { createProgress } = await import("./setup/progress.mjs");
  if (!isChatPrepared()) await prepareChat(createProgress());
}
const shared = {
  nodeFlags: values["node-flag"],
  settings: Object.fromEntries(values.set.map((one) => one.split(/=(.*)/s).slice(0, 2))),
};
const report = {
  machine: `${availableParallelism()} cores of ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`,
};
if (values.only.includes("slack")) {
  const { benchSlackAcknowledgement } = await import("./benching/slack-acknowledgement.mjs");
  const [events, perSecond, askers] = [values.events, values["per-second"], values.askers].map(Number);
  report.slack = await benchSlackAcknowledgement({ events, perSecond, askers, ...shared });
}
if (values.only.includes("discord")) {
  const { benchDiscordProcessor } = await import("./benching/discord-processor.mjs");
  const { messages, rounds, "warm-up": warmUp, "at-once": atOnce } = values;
  const sizes = { messages: Number(messages), rounds: Number(rounds), warmUp: Number(warmUp), atOnce: Number(atOnce) };
  report.discord = await benchDiscordProcessor({ ...sizes, ...shared });
}
const { log: slackLog, ...slack } = report.slack ?? {};
const { log: discordLog, ...discord } = report.discord ?? {};
if (values.log) process.stderr.write(`${slackLog ?? ""}${discordLog ?? ""}`);
process.stdout.write(values.json ? `${JSON.stringify({ ...report, slack, discord }, null, 2)}\n` : describe(report));

function describe({ machine, slack, discord }) {
  return `\n${machine}\n${slack === undefined ? "" : describeSlack(slack)}${discord === undefined ? "" : describeDiscord(discord)}`;
}

function describeSlack({ ours, bare, flush, byKind, loopDelayMs, ...rest }) {
  const line = (name, { count, p50, p99, p999, max }) =>
    `  ${name.padEnd(34)}${[p50, p99, p999, max].map((ms) => ms.toFixed(1).padStart(9)).join("")}   (${count})\n`;
  const { events, lastedMs, asked, answered, replyChars, refused, busyRatio, loadBefore, loadAfter } = rest;
  return `
Slack over HTTP: from an event's sending to its acknowledgement while the model writes; milliseconds
  ${"".padEnd(34)}${["p50", "p99", "p99.9", "max"].map((name) => name.padStart(9)).join("")}
${line("this program (goal: p99.9 <= 25)", ours)}${Object.entries(byKind)
  .map(([kind, figures]) => line(`  ${kind}`, figures))
  .join(
    "",
  )}${line("bare Bolt, the same events", bare)}${line("4 KiB written and flushed to disk", flush)}  event loop of this program, late by${[loopDelayMs.p50, loopDelayMs.p99, loopDelayMs.p999, loopDelayMs.max].map((ms) => ms.toFixed(1).padStart(8)).join(" ")}
  ${events} events in ${(lastedMs / 1000).toFixed(0)} s, ${refused} refused; a reply was being written at ${(100 * busyRatio).toFixed(1)} % of them;
  ${answered} of ${asked} questions answered, ${replyChars} characters; load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after
`;
}

function describeDiscord({ ours, echo, keeping, ratios, keepingRatios, messages, rounds, warmUp, ...load }) {
  const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  const line = (name, figures) => {
    const of = (key) =>
      median(figures.map((one) => one[key]))
        .toFixed(2)
        .padStart(10);
    return `  ${name.padEnd(34)}${of("processorMs")}${of("userMs")}${of("systemMs")}${of("wallMs")}${of("requestsPerMessage")}\n`;
  };
  const ratioOf = (values) => {
    const sorted = values.toSorted((a, b) => a - b);
    return `${median(values).toFixed(2)} (${sorted[0].toFixed(2)} to ${sorted.at(-1).toFixed(2)})`;
  };
  return `
Discord: processor time per message, milliseconds (median of ${rounds} rounds of ${messages} messages, after ${warmUp} each)
  ${"".padEnd(34)}${["processor", "user", "system", "wall", "requests"].map((name) => name.padStart(10)).join("")}
${line("this program, from its cache", ours)}${line("bare discord.js echo", echo)}${line("the echo, kept in SQLite", keeping)}  times the bare echo: this program ${ratioOf(ratios)}, goal <= 1.5; the echo that keeps ${ratioOf(keepingRatios)}
  load ${load.loadBefore.toFixed(1)} before, ${load.loadAfter.toFixed(1)} after
`;
}
