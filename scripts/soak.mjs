// `npm run soak`: the long trials at full length; writes docs/soak-results.md. `npm run soak -- --kills 20` runs fewer.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inRoot } from "./setup/paths.mjs";
import { runVitest } from "./testing/run-tests.mjs";

const full = { kills: 100, activations: 200, stores: 100, events: 100_000, deliveries: 10_000, loops: 1 };
const { values } = parseArgs({
  options: Object.fromEntries(
    Object.entries(full).map(([name, rounds]) => [name, { type: "string", default: `${rounds}` }]),
  ),
});
const trials = [
  { name: "kills", file: "test/e2e/kills.test.ts", variable: "KILLS", what: "kill -9 of the server" },
  {
    name: "activations",
    file: "test/e2e/activation.test.ts",
    variable: "ACTIVATIONS",
    what: "activations, 20 streams each",
  },
  {
    name: "stores",
    file: "test/unit/store/sqlite/processes.test.ts",
    variable: "SOAK_ROUNDS",
    what: "kill -9 of a process that only writes",
  },
  {
    name: "events",
    file: "test/e2e/events.test.ts",
    variable: "EVENTS",
    what: "events of people on Discord and Slack",
  },
  {
    name: "deliveries",
    file: "test/e2e/delivery.test.ts",
    variable: "DELIVERIES",
    what: "generated answers, each by three ways through both doubles",
  },
  { name: "loops", file: "test/e2e/learning-loop.test.ts", what: "whole learning loop" },
].map((trial) => ({ ...trial, rounds: Math.min(Number(values[trial.name]), full[trial.name]) }));

if (!existsSync(inRoot("dist", "main.js"))) throw new Error("Cannot soak: dist/ is not built; run npm run build");
const directory = mkdtempSync(join(tmpdir(), "reactune-soak-"));
const results = [];
for (const trial of trials.filter(({ rounds }) => rounds > 0)) results.push(await runTrial(trial));
rmSync(directory, { recursive: true, force: true });
writeFileSync(inRoot("docs", "soak-results.md"), describeResults(results));
process.exitCode = results.some(({ failed }) => failed > 0) ? 1 : 0;

async function runTrial(trial) {
  const figuresPath = join(directory, `${trial.name}.jsonl`);
  process.env.TRIAL_FIGURES = figuresPath;
  if (trial.variable !== undefined) process.env[trial.variable] = `${trial.rounds}`;
  const startedAtMs = Date.now();
  const { passed, failed, skipped } = await runVitest({ args: [trial.file] });
  const lines = existsSync(figuresPath) ? readFileSync(figuresPath, "utf8").trimEnd().split("\n") : [];
  return {
    ...trial,
    passed,
    failed,
    skipped,
    totalMs: Date.now() - startedAtMs,
    figures: lines.map((l) => JSON.parse(l)),
  };
}

function describeResults(all) {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: inRoot(), encoding: "utf8" }).trim();
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 1e9)} GB`;
  return `# Soak results

Written by \`npm run soak\` on ${new Date().toISOString().slice(0, 10)} at commit ${commit}: ${machine}, Node ${process.versions.node}, ${process.platform}.
\`npm test\` runs the same trials with fewer rounds.

| trial | rounds run | of | tests passed | failed | left out | minutes |
|---|---|---|---|---|---|---|
${all.map(describeTrial).join("\n")}

${all.flatMap(({ figures }) => figures.map(describeFigures)).join("\n\n")}
`;
}

function describeTrial({ name, what, rounds, passed, failed, skipped, totalMs }) {
  return `| ${what} | ${rounds} | ${full[name]} | ${passed} | ${failed} | ${skipped.length} | ${(totalMs / 60_000).toFixed(1)} |`;
}

function describeFigures({ trial, figures }) {
  const rows = Object.entries(figures).map(([name, value]) => `| ${name} | ${value} |`);
  return `## ${trial}\n\n| figure | value |\n|---|---|\n${rows.join("\n")}`;
}
