// `npm run bench -- --only million`: a store of 1,000,000 turns, kept in the temporary folder. First the program asks its store every
// query and builds a data set; then the process `reactune bots` serves that store, and its memory is watched.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "1000000" },
    events: { type: "string", default: "1500" },
    "per-second": { type: "string", default: "40" },
    askers: { type: "string", default: "4" },
    "as-built": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
if (!values["as-built"]) {
  const { isChatPrepared, prepareChat } = await import("./setup/prepare-chat.mjs");
  const { createProgress } = await import("./setup/progress.mjs");
  if (!isChatPrepared()) await prepareChat(createProgress());
}
const { dist } = await import("./setup/paths.mjs");
const report = await runProgram(join(dist, "main.js"), [
  "bench",
  "--only",
  "million",
  "--turns",
  values.turns,
  "--json",
]);
if (report.failed.length > 0) {
  process.exitCode = 1;
  throw new Error(`Cannot measure the store: ${report.failed[0].why}`);
}
// Of a database that MONGODB_URI names there is no folder to serve.
const [, directory] = /kept in (.+)$/.exec(report.rows[0].note) ?? [];
const { benchBotsMemory } = await import("./benching/bots-memory.mjs");
const [events, perSecond, askers] = [values.events, values["per-second"], values.askers].map(Number);
const bots = [];
for (const hasEmbedder of directory === undefined ? [] : [false, true]) {
  process.stderr.write(`Watching the bots${hasEmbedder ? " with the embedding model" : ""}\n`);
  bots.push({ hasEmbedder, ...(await benchBotsMemory({ data: directory, events, perSecond, askers, hasEmbedder })) });
}
const rows = [...report.rows, ...bots.flatMap(botRows)];
const isMissed = ({ value, goal }) =>
  goal !== undefined && !(value >= (goal.min ?? -Infinity) && value <= (goal.max ?? Infinity));
if (values.json) {
  process.stdout.write(`${JSON.stringify({ ...report, rows, bots }, null, 2)}\n`);
} else {
  for (const row of rows) {
    const goal = row.goal === undefined ? "" : isMissed(row) ? "missed" : "met";
    const bound =
      row.goal === undefined ? "" : row.goal.max === undefined ? `>= ${row.goal.min}` : `<= ${row.goal.max}`;
    const value = `${Number.isInteger(row.value) ? row.value : Number(row.value.toPrecision(3))} ${row.unit}`;
    process.stdout.write(
      `${row.measured.padEnd(76)}${value.padStart(12)}  ${bound.padEnd(10)}${goal.padEnd(8)}${row.note ?? ""}\n`,
    );
  }
  const { machine } = report;
  process.stdout.write(
    `\n${machine.dateUtc}, ${machine.cores} x ${machine.processor}, load ${machine.loadBefore.toFixed(1)}\n`,
  );
}

function botRows({
  hasOllama,
  hasEmbedder,
  mostBytes,
  startedBytes,
  peakBytes,
  answered,
  asked,
  acknowledgedMs,
  ...rest
}) {
  const mb = (bytes) => Math.round(bytes / 1e6);
  const name = hasEmbedder ? "bots with the embedding model" : "bots without a model";
  const row = (measured, value, unit, note, goal) => ({
    ...{ bench: "million", measured: `${name}: ${measured}`, value, unit, note },
    ...(goal ? { goal } : {}),
  });
  const model = hasOllama ? "Ollama holds the model" : "a model of 2 MB besides, since there is no Ollama";
  const kinds = `${mb(mostBytes.anonymous)} MB of its own, ${mb(mostBytes.file)} MB of files`;
  return [
    row("memory after the start", mb(startedBytes.all), "MB", model),
    row("memory under load, at most", mb(peakBytes), "MB", kinds, hasEmbedder ? undefined : { max: 300 }),
    row("event loop late by, p99", rest.loopDelayMs.p99, "ms", `at most ${rest.loopDelayMs.max.toFixed(0)} ms`),
    row(
      "Slack's events acknowledged, p99",
      acknowledgedMs.p99,
      "ms",
      `p50 ${acknowledgedMs.p50.toFixed(1)} ms of ${rest.events}`,
    ),
    row("questions answered meanwhile", answered, "", `of ${asked}`),
  ];
}

function runProgram(main, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    child.once("error", reject);
    child.once("exit", () => {
      try {
        resolve(JSON.parse(printed));
      } catch (cause) {
        reject(new Error("Cannot measure the store: the program printed no figures", { cause }));
      }
    });
  });
}
