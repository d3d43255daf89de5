import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canTrain, makeTrialFolder, runProgram, TINY_MODEL } from "../fixtures/trials/run-program.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const LOOP_MAX_MS = 300_000;

describe("reactune simulate", () => {
  test.skipIf(!canTrain)(
    "turns the whole loop within five minutes, and leaves data that every command reads (needs python)",
    { timeout: LOOP_MAX_MS + 180_000 },
    async () => {
      const cwd = makeTrialFolder();
      const startedAtMs = Date.now();
      const { exitCode, stdout, stderr } = await runProgram(["simulate", "--json", "--out", join(cwd, "simulation")], {
        cwd,
        timeoutMs: LOOP_MAX_MS,
      });
      const totalMs = Date.now() - startedAtMs;
      expect(exitCode, stderr).toBe(0);
      const [outcome] = JSON.parse(stdout);
      tellFigures("learning loop", {
        totalMs,
        exactBefore: outcome.before.exact,
        exactAfter: outcome.after.exact,
        heldOut: outcome.after.questions,
        grade: outcome.run.grade,
      });

      expect(outcome.before.exactRatio).toBeLessThan(0.1);
      expect(outcome.after.exactRatio).toBeGreaterThan(0.8);
      expect(outcome.run.state, outcome.run.verdict).toBe("activated");
      expect(totalMs).toBeLessThanOrEqual(LOOP_MAX_MS);
      const data = join(cwd, "simulation", String(readdirSync(join(cwd, "simulation"))[0]));
      expect(readFileSync(join(data, "learning-curve.svg"), "utf8")).toContain("</svg>");
      expect(readFileSync(join(data, "learning-curve.png")).subarray(1, 4).toString()).toBe("PNG");

      await expectCommandsToRead(cwd, data, outcome.run);
    },
  );
});

interface RunRecord {
  readonly id: string;
  readonly adapterDigest: string;
}

/** One after the other, as an operator would: what each prints must fit what the loop did. */
async function expectCommandsToRead(cwd: string, data: string, run: RunRecord): Promise<void> {
  const at = (folder: string) => ["--data", folder, "--model", TINY_MODEL];
  const print = async (folder: string, ...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await runProgram([...at(folder), ...args], { cwd });
    expect(exitCode, `${args.join(" ")}: ${stderr}`).toBe(0);
    return stdout;
  };
  const json = async (...args: readonly string[]) => JSON.parse(await print(data, ...args, "--json"));

  expect(await json("adapters", "list")).toMatchObject([
    { digest: run.adapterDigest, state: "active", scope: { domain: "support" } },
  ]);
  const readiness = await json("readiness");
  expect(readiness.find(({ domain }: { domain: string }) => domain === "support").criteria.length).toBeGreaterThan(5);
  expect(await json("runs", "list")).toMatchObject([{ id: run.id, state: "activated" }]);
  expect((await json("cache", "stats")).entries).toBeGreaterThan(0);

  expect(await print(data, "adapters", "rollback", "support")).toContain("answered by the base model again");
  expect((await json("adapters", "list"))[0].state).toBe("candidate");
  await print(data, "adapters", "activate", run.adapterDigest.slice(0, 12));
  expect((await json("adapters", "list"))[0].state).toBe("active");

  const [collected] = await json("train", "support", "--collect-only", "--days", "7");
  expect(existsSync(join(collected.directory, "train.jsonl"))).toBe(true);
  expect(collected.directory).toMatch(/training_data_[^/]*$/);
  expect(statSync(collected.summary).isFile()).toBe(true);
  expect(collected.summary).toMatch(/fine_tuning_summary_[^/]*\.json$/);
  expect(collected.train).toBeGreaterThan(20);

  await print(data, "export", join(cwd, "all.jsonl"));
  const copy = join(cwd, "copy");
  await print(copy, "import", join(cwd, "all.jsonl"));
  await print(copy, "export", join(cwd, "again.jsonl"));
  const exported = readRecords(join(cwd, "all.jsonl"));
  expect(exported.length).toBeGreaterThan(100);
  expect(readRecords(join(cwd, "again.jsonl"))).toEqual(exported);
  expect(JSON.parse(await print(copy, "readiness", "--json"))).toEqual(await json("readiness"));
}

/** Without the header, which holds the time of the export. */
function readRecords(path: string): readonly string[] {
  const [, ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.toSorted();
}
