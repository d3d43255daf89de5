// `npm run soak`: the long trials at full length. `npm run soak -- --kills 20 --events 0` runs fewer of one and none of another;
// `--only events,lates` runs these alone. Their results go to docs/soak-results.json and .md; those of the other trials stay there.
// `--away "cut mongodb,cut mongodb"` only prints what these outages give.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inRoot } from "./setup/paths.mjs";
import { writeJson } from "./setup/stamp.mjs";
import { describeResults, replaceResult } from "./soaking/results.mjs";
import { TRIALS } from "./soaking/trials.mjs";
import { runVitest } from "./testing/run-tests.mjs";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    away: { type: "string" },
    ...Object.fromEntries(TRIALS.map(({ name }) => [name, { type: "string" }])),
  },
});
const only = (values.away === undefined ? values.only : "outages")?.split(",") ?? TRIALS.map(({ name }) => name);
const unknown = only.filter((name) => !TRIALS.some((trial) => trial.name === name));
if (unknown.length > 0) throw new Error(`Cannot soak "${unknown.join()}": there is no such trial`);
const wanted = TRIALS.filter(({ name }) => only.includes(name))
  .map((trial) => ({ ...trial, rounds: Math.min(Number(values[trial.name] ?? trial.rounds), trial.rounds) }))
  .filter(({ rounds }) => rounds > 0);

if (!existsSync(inRoot("dist", "main.js"))) throw new Error("Cannot soak: dist/ is not built; run npm run build");
const statePath = inRoot("docs", "soak-results.json");
const directory = mkdtempSync(join(tmpdir(), "reactune-soak-"));
for (const trial of wanted) {
  const result = await runTrial(trial);
  if (result.failed > 0) process.exitCode = 1;
  if (values.away !== undefined) continue;
  // Whoever breaks a run off keeps what has ended.
  const known = existsSync(statePath) ? JSON.parse(readFileSync(statePath, "utf8")) : [];
  const results = replaceResult(TRIALS, known, result);
  writeJson(statePath, results);
  writeFileSync(inRoot("docs", "soak-results.md"), describeResults(TRIALS, results));
}
rmSync(directory, { recursive: true, force: true });

async function runTrial({ name, rounds, file, variable, settings = {} }) {
  const figuresPath = join(directory, `${name}.jsonl`);
  const asked = {
    ...(variable === undefined ? {} : { [variable]: `${rounds}` }),
    ...(values.away === undefined ? {} : { OUTAGES: values.away }),
  };
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: inRoot(), encoding: "utf8" }).trim();
  const startedAtMs = Date.now();
  const { passed, failed, skipped } = await runVitest({
    args: [file],
    environment: { ...settings, ...asked, TRIAL_FIGURES: figuresPath },
  });
  const lines = existsSync(figuresPath) ? readFileSync(figuresPath, "utf8").trimEnd().split("\n") : [];
  return {
    name,
    rounds,
    passed,
    failed,
    skipped: skipped.length,
    totalMs: Date.now() - startedAtMs,
    day: new Date(startedAtMs).toISOString().slice(0, 10),
    commit,
    machine: describeMachine(),
    figures: lines.map((line) => JSON.parse(line)),
  };
}

function describeMachine() {
  const processors = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "unknown"}`;
  return `${processors}, ${Math.round(totalmem() / 1e9)} GB, Node ${process.versions.node}, ${process.platform}`;
}
