import { expect, onTestFinished, test } from "vitest";
import { markTraining, missingForRequest } from "#compose/training-mark.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import { elsewhere, memoryLive } from "../../fixtures/fleet/memory-live.ts";

const NO_PYTHON = { why: "Python for training is not installed", hint: "npm start" };

function configOf(settings: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    ...readSystem(),
    argvSettings: Object.entries(settings).map(([key, value]) => ({ key, value, flag: "--set" })),
    workingDirectory: "/nowhere",
    environment: { MONGODB_URI: "mongodb://one/reactune" },
  });
}

test("missingForRequest() needs no Python here while another machine trains, and does when it has left", async () => {
  const live = memoryLive();
  expect(await missingForRequest(configOf(), live, NO_PYTHON)).toEqual(NO_PYTHON);

  const leave = markTraining(configOf({ "trainer.python": "/usr/bin/python3" }), elsewhere(live));
  expect(await missingForRequest(configOf(), live, NO_PYTHON)).toBeUndefined();
  expect(await missingForRequest(configOf(), undefined, NO_PYTHON)).toEqual(NO_PYTHON);

  await leave();
  expect(await missingForRequest(configOf(), live, NO_PYTHON)).toEqual(NO_PYTHON);
});

test("missingForRequest() refuses what the settings switch off, and what nobody can count while Redis is away", async () => {
  const live = memoryLive();
  onTestFinished(markTraining(configOf({ "trainer.python": "/usr/bin/python3" }), elsewhere(live)));
  const away: LiveProcesses = { ...live, beat: () => Promise.reject(new Error("away")) };

  expect(await missingForRequest(configOf({ "trainer.enabled": "false" }), live)).toMatchObject({
    why: "Fine-tuning is switched off",
  });
  expect(await missingForRequest(configOf(), away, NO_PYTHON)).toEqual(NO_PYTHON);
});

test("markTraining() marks nothing where training is switched off", async () => {
  const live = memoryLive();
  onTestFinished(markTraining(configOf({ "trainer.enabled": "false" }), elsewhere(live)));

  expect(await missingForRequest(configOf(), live, NO_PYTHON)).toEqual(NO_PYTHON);
});
