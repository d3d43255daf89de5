import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { BenchRow } from "#commands/bench-figures.ts";
import { fillCache, fillStore } from "#commands/bench-fill.ts";
import { benchLongActs, type LongActFigures } from "#commands/bench-long-acts.ts";
import { benchQueries, type QueriedStores, type QueryFigures } from "#commands/bench-queries.ts";
import { benchTargets } from "#commands/bench-records.ts";
import { describeDuration, type Output } from "#commands/output.ts";
import { programDirectory } from "#config/load.ts";
import { type BenchFixture, CACHE_ENTRIES_A_SCOPE, openBenchFixture } from "./bench-fixture.ts";
import type { BenchWorld } from "./bench-parts.ts";
import { dataPaths } from "./data-paths.ts";
import { openMongoRecords, openSqliteRecords } from "./open-records.ts";

const SCORES_RATIO = 0.1;
const READINESS_MAX_MS = 5;
const PAGE_MAX_MS = 50;
const DATASET_MAX_MS = 30_000;
const DATASET_ROWS = 10_000;
const FULL_SIZE_TURNS = 1_000_000;

/** A store of a large community: what every query, a data set and the process take. */
export async function millionRows(world: BenchWorld, turns: number, output: Output): Promise<readonly BenchRow[]> {
  const size = { turns, scores: Math.round(turns * SCORES_RATIO) };
  const uri = world.config.servers.mongodbUri;
  if (uri !== undefined) return mongoRows(world, uri, size, output);
  const fixture = await openBenchFixture(world.config, size, world.log, output);
  const { records, importMs, directory } = fixture;
  const filled: BenchRow = {
    bench: "million",
    measured: `import of ${records.toLocaleString("en")} records`,
    value: importMs,
    unit: "ms",
    note: `${turns.toLocaleString("en")} turns, ${size.scores.toLocaleString("en")} scores; kept in ${directory}`,
  };
  output.progress("Asking every query");
  const asked = await queryRows(world, fixture);
  output.progress("Looking at the plans");
  const plans = await planRows(directory);
  output.progress("Building a data set");
  return [filled, ...asked, ...plans, ...(await datasetRows(fixture))];
}

async function queryRows({ log }: BenchWorld, { directory, nowMs, turns }: BenchFixture): Promise<readonly BenchRow[]> {
  const stores = await openSqliteRecords(dataPaths({ directory }), undefined, log);
  try {
    return await benchQueryRows(stores, "million", { nowMs, turns });
  } finally {
    await stores.close();
  }
}

/** The database that MONGODB_URI names, which must be empty: it is filled, and left as it is. */
async function mongoRows(
  { directory, log }: BenchWorld,
  uri: string,
  { turns, scores }: Pick<BenchFixture, "turns" | "scores">,
  output: Output,
): Promise<readonly BenchRow[]> {
  const stores = await openMongoRecords(uri, dataPaths({ directory }), undefined, log);
  try {
    const nowMs = Date.now();
    const startedAtMs = performance.now();
    const byKind = await fillStore(stores.archive, { turns, scores, nowMs }, (lines) =>
      output.progress(`Filling MongoDB: ${lines.toLocaleString("en")} records read`),
    );
    const importMs = performance.now() - startedAtMs;
    await fillCache(stores.cache, Math.min(CACHE_ENTRIES_A_SCOPE, turns / 10), nowMs);
    const records = Array.from(byKind.values()).reduce((sum, count) => sum + count, 0);
    const measured = `import of ${records.toLocaleString("en")} records`;
    output.progress("Asking every query");
    const bench = "million, MongoDB";
    const note = `${turns.toLocaleString("en")} turns, ${scores.toLocaleString("en")} scores`;
    const asked = await benchQueryRows(stores, bench, { nowMs, turns });
    // The goals are SQLite's: here the network and the server are measured too.
    return [{ bench, measured, value: importMs, unit: "ms", note }, ...asked.map(({ goal: _, ...row }) => row)];
  } finally {
    await stores.close();
  }
}

/** Of any store that was filled by the same records. */
async function benchQueryRows(
  stores: QueriedStores,
  bench: string,
  options: { readonly nowMs: number; readonly turns: number },
): Promise<readonly BenchRow[]> {
  const queries = await benchQueries(stores, benchTargets(), options);
  const acts = await benchLongActs(stores, benchTargets(), options.nowMs);
  return [...queries.map((figures) => rowOfQuery(bench, figures)), ...acts.map((figures) => rowOfAct(bench, figures))];
}

function rowOfQuery(bench: string, { name, group, rounds, p50Ms, p99Ms, records }: QueryFigures): BenchRow {
  const max = group === "readiness" ? READINESS_MAX_MS : PAGE_MAX_MS;
  const note = `p99 of ${rounds}; p50 ${p50Ms.toFixed(2)} ms; ${records} records`;
  return { bench, measured: name, value: p99Ms, unit: "ms", goal: { max }, note };
}

function rowOfAct(bench: string, { name, lastedMs, stalledMs, records }: LongActFigures): BenchRow {
  const note = `${records} records in ${lastedMs.toFixed(0)} ms`;
  return {
    bench,
    measured: `event loop stood still: ${name}`,
    value: stalledMs,
    unit: "ms",
    goal: { max: PAGE_MAX_MS },
    note,
  };
}

/** Every statement that is prepared; `findTableWalks` says what is a walk. */
async function planRows(directory: string): Promise<readonly BenchRow[]> {
  const { findTableWalks } = await import("#store/sqlite/query-plans.ts");
  const { openSqliteStore } = await import("#store/sqlite/open-sqlite-store.ts");
  const { sqliteJobQueue } = await import("#jobs/sqlite/job-queue.ts");
  const statements = new Set<string>();
  const onPrepare = (statement: string) => statements.add(statement);
  const store = openSqliteStore({ path: dataPaths({ directory }).database, now: Date.now, onPrepare });
  try {
    sqliteJobQueue({ database: store.jobsDatabase, now: Date.now });
    const walks = findTableWalks(store.jobsDatabase, [...statements]);
    return [
      {
        bench: "million",
        measured: "statements that walk through a whole table",
        value: walks.length,
        unit: "",
        goal: { max: 0 },
        note: [
          `of ${statements.size}`,
          ...walks.map(({ step, statement }) => `${step}: ${statement.slice(0, 60)}`),
        ].join("; "),
      },
    ];
  } finally {
    store.close();
  }
}

/** In a process of its own, as a training run's is: from its start to the written files. */
async function datasetRows({ directory, turns }: BenchFixture): Promise<readonly BenchRow[]> {
  const into = await mkdtemp(join(tmpdir(), "reactune-bench-dataset-"));
  const { domain } = benchTargets().scope;
  const main = join(programDirectory, "dist", "main.js");
  const flags = ["--data", directory, "--log-level", "error"];
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [main, ...flags, "train", domain, "--collect-only", "--json"], {
    cwd: into,
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    let printed = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    const ended = once(child, "exit");
    const peakBytes = await watchPeak(child.pid, () => child.exitCode === null && child.signalCode === null);
    const [code] = await ended;
    const lastedMs = performance.now() - startedAtMs;
    if (code !== 0) throw new Error(`Cannot build a data set: the process ended with ${code}: ${errors.slice(-1000)}`);
    const rows = countRows(printed);
    const note = `${describeDuration(lastedMs)}; a process of its own, from its start to the written files`;
    const wanted = Math.round((DATASET_ROWS * turns) / FULL_SIZE_TURNS);
    return [
      { bench: "million", measured: "rows of a data set", value: rows, unit: "", goal: { min: wanted } },
      { bench: "million", measured: "building it", value: lastedMs, unit: "ms", goal: { max: DATASET_MAX_MS }, note },
      { bench: "million", measured: "its memory at most", value: Math.round(peakBytes / 2 ** 20), unit: "MiB" },
    ];
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await rm(into, { recursive: true, force: true });
  }
}

function countRows(printed: string): number {
  const datasets: unknown = JSON.parse(printed);
  if (!Array.isArray(datasets)) throw new TypeError("Cannot read the data set's figures: they are no list");
  return datasets.reduce((sum, { train, valid }) => sum + Number(train) + Number(valid), 0);
}

/** NaN where the system does not tell. */
async function watchPeak(pid: number | undefined, isRunning: () => boolean): Promise<number> {
  let peak = Number.NaN;
  while (isRunning()) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const kilobytes = /^VmHWM:\s*(\d+) kB/m.exec(status)?.[1];
    if (kilobytes !== undefined) peak = Number(kilobytes) * 1024;
    await pause(50);
  }
  return peak;
}
