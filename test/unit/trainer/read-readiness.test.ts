import { expect, test } from "vitest";
import { ALL_DOMAINS } from "#core/scope.ts";
import { readReadiness, readWorkspaceReadiness } from "#trainer/read-readiness.ts";
import { NOW_MS } from "./dataset-world.ts";
import { openTrainingWorld, THRESHOLDS, type TrainingWorldOptions } from "./training-world.ts";

const SETTINGS = { thresholds: THRESHOLDS, days: 30 };

async function openReadiness(options: TrainingWorldOptions = {}) {
  const world = await openTrainingWorld({ liked: 5, ...options });
  const { learning } = world.store;
  return { ...world, learning, read: (nowMs = NOW_MS) => readReadiness(learning, world.scope, SETTINGS, nowMs) };
}

test("readReadiness() asks for one rater on the local platform", async () => {
  const { read } = await openReadiness();

  const readiness = await read();

  expect(readiness.light).toBe("green");
  expect(readiness.criteria).toContainEqual({ id: "raters", value: 1, threshold: 1, progress: 1, isMet: true });
});

test("readReadiness() asks for the setting's raters elsewhere", async () => {
  const { read } = await openReadiness({ workspaceId: "slack:T1" });

  const readiness = await read();

  expect(readiness.light).toBe("yellow");
  expect(readiness.missing).toEqual(["2 more people who score replies"]);
});

test("readReadiness() counts only what is young enough to be trained on", async () => {
  const { read } = await openReadiness();

  expect((await read(NOW_MS + 40 * 86_400_000)).light).toBe("red");
});

test.each([
  ["activated", true],
  ["rejected", true],
  ["waiting-for-approval", true],
  ["failed", false],
  ["cancelled", false],
] as const)("readReadiness() after a run that %s asks for new examples: %s", async (state, asks) => {
  const { read, queueRun } = await openReadiness();
  await queueRun({ state, examplesEver: 4 });

  const newExamples = (await read()).criteria.find(({ id }) => id === "newExamples");

  expect(newExamples).toEqual(
    asks ? { id: "newExamples", value: 1, threshold: 2, progress: 0.5, isMet: false } : undefined,
  );
});

test("readWorkspaceReadiness() tells the workspace as a whole first, then each domain", async () => {
  const { learning, scope } = await openReadiness();

  const all = await readWorkspaceReadiness(learning, scope, ["support", "legal"], SETTINGS, NOW_MS);

  expect(all.map(({ domain, readiness }) => [domain, readiness.light])).toEqual([
    [ALL_DOMAINS, "green"],
    ["support", "green"],
    ["legal", "red"],
  ]);
});
