// `npm run bench -- --only fleet`: what several bot processes cost beside one, per message. Needs redis-server and NX-27017, or MONGODB_URI:
// test/fixtures/bench/mongo-peer keeps pace where NX-27017 does not.
// `node scripts/bench-fleet.mjs --mode slack --sizes 1,2,4 --warm-up 500`: of each process, before it counts. `--as-built` measures dist/ as it lies there.
// `--each`: --messages and --per-second are of each process, so that all have as much to do; else the stream is the same for each fleet.
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { benchFleet } from "./benching/fleet.mjs";
import { requireNode } from "./setup/require-node.mjs";

const MODES = new Map([
  ["slack", "Slack over HTTP, a balancer before the processes that delivers a tenth of the events twice"],
  ["discord", "Discord, all processes with the same token: each is told everything, as while a new version takes over"],
  ["shards", "Discord, servers spread over shards (--shards), the process that starts them included"],
]);

requireNode();
const { values } = parseArgs({
  options: {
    mode: { type: "string", multiple: true, default: [...MODES.keys()] },
    sizes: { type: "string", default: "1,2,4" },
    messages: { type: "string", default: "400" },
    rounds: { type: "string", default: "4" },
    "per-second": { type: "string", default: "16" },
    "at-once": { type: "string", default: "8" },
    "warm-up": { type: "string", default: "500" },
    each: { type: "boolean", default: false },
    "idle-seconds": { type: "string", default: "10" },
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
const machine = `${availableParallelism()} cores of ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`;
const reports = [];
for (const mode of values.mode) {
  if (!MODES.has(mode)) throw new Error(`Cannot measure "${mode}": choose from ${[...MODES.keys()].join(", ")}`);
  const { log, ...report } = await benchFleet({
    mode,
    sizes: values.sizes.split(",").map(Number),
    messages: Number(values.messages),
    rounds: Number(values.rounds),
    perSecond: Number(values["per-second"]),
    isOfEach: values.each,
    atOnce: Number(values["at-once"]),
    warmUp: Number(values["warm-up"]),
    idleMs: Number(values["idle-seconds"]) * 1000,
    nodeFlags: values["node-flag"],
    settings: Object.fromEntries(values.set.map((one) => one.split(/=(.*)/s).slice(0, 2))),
  });
  if (values.log) process.stderr.write(log);
  reports.push(report);
  if (!values.json) process.stdout.write(describe(report));
}
if (values.json) process.stdout.write(`${JSON.stringify({ machine, reports }, null, 2)}\n`);

function describe({ mode, mongo, fleets, messages, isOfEach, seenByEach, loadBefore, loadAfter }) {
  const [alone] = fleets;
  const lines = fleets.map(({ size, rounds, doubled, lost, idleMsPerSecond, memoryBytes }) => {
    const ratios = rounds.map(({ processorMs }, round) => processorMs / alone.rounds[round].processorMs);
    const cells = [
      median(rounds.map(({ processorMs }) => processorMs)).toFixed(2),
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`,
      median(rounds.map(({ mainThreadMs }) => mainThreadMs)).toFixed(2),
      median(rounds.map(({ perSecond }) => perSecond)).toFixed(1),
      Math.min(...rounds.map(({ perSecond }) => perSecond)).toFixed(1),
      median(rounds.map(({ mongoMs }) => mongoMs)).toFixed(1),
      (idleMsPerSecond / size).toFixed(1),
      (memoryBytes / size / 1e6).toFixed(0),
      doubled,
      lost,
    ];
    return `  ${String(size).padEnd(10)}${cells.map((cell) => String(cell).padStart(12)).join("")}\n`;
  });
  const heads = [
    "ms/message",
    "ratio",
    "from-to",
    "main thread",
    "messages/s",
    "at least",
    "MongoDB ms",
    "idle ms/s",
    "MB each",
    "doubled",
    "lost",
  ];
  return `
${machine}
${MODES.get(mode)}; ${mongo}
  ${"processes".padEnd(10)}${heads.map((head) => head.padStart(12)).join("")}
${lines.join("")}  processor time of all processes (their children too) per message, median of ${alone.rounds.length} rounds of ${messages} messages ${isOfEach ? "for each process" : "in all"} that the
  cache answers, of it the threads that run JavaScript; in the middle each process had answered ${seenByEach} messages; idle is of each
  process while nobody says anything; MongoDB ms is its own time for a message, NaN on another machine; goal: ratio <= 1.10, 0 doubled, 0 lost; load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after
`;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
