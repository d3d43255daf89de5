import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { collectOnly } from "#commands/collect-dataset.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";
import { SETTINGS } from "../trainer/dataset-world.ts";
import { openTrainingWorld } from "../trainer/training-world.ts";
import { recordingOutput } from "./recording-output.ts";

async function collect(domains: readonly string[], isJson: boolean, signal = new AbortController().signal) {
  const { run, scope } = await openTrainingWorld({ liked: 12 });
  const directory = makeTempFolder();
  const recorded = recordingOutput();
  await collectOnly(
    run,
    {
      scopes: domains.map((domain) => ({ ...scope, domain })),
      days: 30,
      settings: SETTINGS,
      systemPromptFor: async () => "Be kind.",
    },
    { directory, isJson, signal },
    recorded.output,
  );
  return { ...recorded, directory };
}

test("collectOnly() writes one domain's data set and its summary into the folder", async () => {
  const { json, directory } = await collect(["support"], true);

  const [written] = json();
  expect(written).toMatchObject({ domain: "support", liked: 12, train: expect.any(Number), valid: expect.any(Number) });
  expect(basename(written.directory)).toMatch(/^training_data_20261121-\d{6}$/);
  expect(dirname(written.summary)).toBe(directory);
  for (const name of ["train.jsonl", "valid.jsonl", "manifest.json"])
    expect(existsSync(join(written.directory, name))).toBe(true);
  const rows = readFileSync(join(written.directory, "train.jsonl"), "utf8").trim().split("\n");
  expect(rows).toHaveLength(written.train);
  expect(JSON.parse(rows[0] ?? "").messages[0]).toEqual({ role: "system", content: "Be kind." });
  expect(JSON.parse(readFileSync(written.summary, "utf8"))).toMatchObject({ examples: 12 });
});

test("collectOnly() keeps several domains apart, and says how many rows each has", async () => {
  const { text, printed } = await collect(["support", "legal"], false);

  expect(text()).toMatch(/^support: \d+ to train on, \d+ held out, 0 disliked, 0 pairs$/m);
  expect(text()).toMatch(/^legal: 0 to train on/m);
  expect(printed.filter((line) => /_support|_legal/.test(line))).toHaveLength(2);
});

test("collectOnly() rejects when it is stopped", async () => {
  await expect(collect(["support"], true, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
});
