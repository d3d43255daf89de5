import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { programDirectory } from "#config/load.ts";

const SCRIPT = join(programDirectory, "scripts", "capacity.mjs");

function plan(...args: readonly string[]): ReadonlyMap<string, number> {
  const { plans } = JSON.parse(execFileSync(process.execPath, [SCRIPT, "--json", ...args], { encoding: "utf8" }));
  return new Map(plans[0].map(({ name, value }: { name: string; value: number }) => [name, value]));
}

test("npm run capacity follows from its assumptions, and rounds up to whole things", () => {
  // 8.64 messages a person and day are one in 10,000 s; ten times that in the busiest hour.
  const needs = plan(
    ...["--people", "10000", "--set", "messagesPerPersonPerDay=8.64", "--set", "peakFactor=10"],
    ...["--set", "botsCpuMs=60", "--set", "botsCpuShare=0.5", "--set", "cacheHitRatio=0.5", "--set", "replyTokens=20"],
    ...["--set", "tokensPerSecondPerProcessor=30", "--set", "retentionDays=10", "--set", "bytesPerTurn=1000"],
    ...["--set", "scoresPerMessage=0.5", "--set", "bytesPerScore=2000"],
  );

  expect(needs.get("messages in the busiest second")).toBeCloseTo(10);
  expect(needs.get("bot processes")).toBe(2);
  expect(needs.get("reply tokens in the busiest second")).toBeCloseTo(100);
  expect(needs.get("processors for SmolLM2-135M")).toBe(4);
  expect(needs.get("records kept")).toBeCloseTo(1.728);
});

test.each([
  ["--set", "unknown=1", /^Cannot set "unknown": use one of messagesPerPersonPerDay/],
  ["--set", "peakFactor=many", /^Cannot set peakFactor: give a number above 0/],
  ["--people", "1,none", /^Cannot plan for "1,none"/],
])("npm run capacity refuses %s %s", (flag, value, words) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [SCRIPT, flag, value], { encoding: "utf8" });

  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(words);
});

test("docs/scaling.md shows what the script prints today", () => {
  const page = readFileSync(join(programDirectory, "docs", "scaling.md"), "utf8");

  expect(page).toContain(execFileSync(process.execPath, [SCRIPT], { encoding: "utf8" }).trimEnd());
});
