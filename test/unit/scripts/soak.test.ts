import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { programDirectory } from "#config/load.ts";
import { describeResults, replaceResult } from "../../../scripts/soaking/results.mjs";
import { TRIALS } from "../../../scripts/soaking/trials.mjs";

const trials = [
  { name: "kills", rounds: 100, file: "kills.test.ts", variable: "KILLS", what: "kills of a server" },
  { name: "events", rounds: 2000, file: "events.test.ts", variable: "EVENTS", what: "events of people" },
];

function result(given: object) {
  const counts = { rounds: 5, passed: 2, failed: 0, skipped: 0, totalMs: 90_000 };
  const run = { day: "2026-11-20", commit: "aaaaaaa", machine: "2 cores" };
  return { name: "kills", ...counts, ...run, figures: [{ trial: "kills", figures: { lost: 0 } }], ...given };
}

test("replaceResult() keeps what other trials printed when one of them ran again", () => {
  const kept = [result({}), result({ name: "events" }), result({ name: "a trial that is no more" })];
  const newest = result({ commit: "bbbbbbb", rounds: 7 });

  expect(replaceResult(trials, kept, newest)).toEqual([newest, result({ name: "events" })]);
});

test("replaceResult() puts the first result of a trial at its place among the others", () => {
  const kept = [result({ name: "events" })];

  expect(replaceResult(trials, kept, result({})).map(({ name }: { readonly name: string }) => name)).toEqual([
    "kills",
    "events",
  ]);
});

test("describeResults() shows each trial's own day and commit, and its figures, when they differ", () => {
  const events = result({ name: "events", commit: "bbbbbbb", day: "2026-11-21", failed: 1, figures: [] });
  const page = describeResults(trials, [result({}), events]);

  expect(page).toContain("| kills of a server | 5 | 100 | 2 | 0 | 0 | 1.5 | 2026-11-20 | aaaaaaa | 2 cores |");
  expect(page).toContain("| events of people | 5 | 2000 | 2 | 1 | 0 | 1.5 | 2026-11-21 | bbbbbbb | 2 cores |");
  expect(page).toContain("## kills\n\n| figure | value |\n|---|---|\n| lost | 0 |");
});

test("docs/soak-results.md shows what docs/soak-results.json holds", () => {
  const read = (name: string) => readFileSync(join(programDirectory, "docs", name), "utf8");

  expect(read("soak-results.md")).toBe(describeResults(TRIALS, JSON.parse(read("soak-results.json"))));
});

test("TRIALS name tests that read how many rounds are asked for", () => {
  for (const { file, variable, settings = {} } of TRIALS) {
    const path = join(programDirectory, file);
    expect(existsSync(path)).toBe(true);
    const names = [...(variable === undefined ? [] : [variable]), ...Object.keys(settings)];
    for (const name of names) expect(readFileSync(path, "utf8")).toContain(`process.env["${name}"]`);
  }
});

test("npm run soak refuses a trial that it does not know", () => {
  const script = join(programDirectory, "scripts", "soak.mjs");
  const { status, stderr } = spawnSync(process.execPath, [script, "--only", "dreams"], { encoding: "utf8" });

  expect(status).toBe(1);
  expect(stderr).toContain('Cannot soak "dreams": there is no such trial');
});
