import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { newId, processName, sha256, turnIdOf } from "#compose/identity.ts";
import { listenNear, PortTakenError } from "#compose/listen-near.ts";
import { simulationPreset, worldPath } from "#compose/open-simulation.ts";
import { describePlatforms } from "#compose/platforms.ts";
import { announceServer, findServer } from "#compose/running-server.ts";
import { missingForTraining, readinessSettings, trainerPython, trainSettings } from "#compose/training-settings.ts";
import { loadConfig, programDirectory } from "#config/load.ts";
import { settingKeys } from "#config/settings.ts";
import { describeError } from "#core/errors.ts";
import { createDashboard } from "#dashboard/dashboard.ts";
import { readWorld } from "#simulation/world.ts";
import { openWorld } from "../../fixtures/dashboard/open-world.ts";
import { SCRIPTED_BASE } from "../../fixtures/dashboard/scripted-engine.ts";
import { recordingLog } from "../bots/chat-world.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";

function configOf(settings: Readonly<Record<string, string>> = {}, environment: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    argvSettings: Object.entries(settings).map(([key, value]) => ({ key, value, flag: "--set" })),
    environment,
    workingDirectory: makeTempFolder(),
    readFile: (path) => (path.startsWith(programDirectory) ? readFileSync(path, "utf8") : undefined),
  });
}

async function occupyPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("There is no port");
  return address.port;
}

test("turnIdOf() is one id per event, and newId() never the same", () => {
  expect(turnIdOf("local:m1")).toBe(turnIdOf("local:m1"));
  expect(turnIdOf("local:m1")).not.toBe(turnIdOf("local:m2"));
  expect(new Set(Array.from({ length: 1000 }, newId)).size).toBe(1000);
  expect(sha256("")).toMatch(/^e3b0c44298fc1c14/);
  expect(processName).toContain(String(process.pid));
});

test("newId() sorts by time", async () => {
  const first = newId();
  await new Promise((resolve) => setTimeout(resolve, 5));

  expect(newId() > first).toBe(true);
});

test("listenNear() takes the next free port when the operator chose none, and says so", async () => {
  const world = await openWorld();
  onTestFinished(() => world.close());
  const port = await occupyPort();
  const { log, lines } = recordingLog();

  const listening = await listenNear(
    createDashboard(world.parts),
    { enabled: true, host: "127.0.0.1", port },
    false,
    log,
  );
  onTestFinished(() => listening.close());

  expect(Number(new URL(listening.url).port)).toBeGreaterThan(port);
  expect(lines).toContainEqual(expect.objectContaining({ event: "port.taken", fields: { port } }));
});

test.each([
  ["192.0.2.1", "this machine has no such address"],
  ["no-such-name.invalid", "there is no such name"],
])("listenNear() names the setting and the remedy when %s cannot be listened on", async (host, why) => {
  const world = await openWorld();
  onTestFinished(() => world.close());
  const { log } = recordingLog();

  const listening = listenNear(createDashboard(world.parts), { enabled: true, host, port: 0 }, true, log);

  const error = await listening.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(describeError(error)).toContain(`Cannot listen on ${host}:0: ${why}. Mend web.host or web.port`);
});

test("listenNear() rejects with PortTakenError when the operator chose the port", async () => {
  const world = await openWorld();
  onTestFinished(() => world.close());
  const port = await occupyPort();
  const { log } = recordingLog();

  const listening = listenNear(createDashboard(world.parts), { enabled: true, host: "127.0.0.1", port }, true, log);

  await expect(listening).rejects.toThrow(PortTakenError);
  await expect(listening).rejects.toThrow(`Cannot listen on 127.0.0.1:${port}: the port is taken`);
});

test("findServer() finds what was announced and answers, and nothing after it withdrew or was killed", async () => {
  const world = await openWorld();
  const config = configOf({ "data.directory": makeTempFolder() });
  expect(await findServer(config)).toBeUndefined();

  const withdraw = await announceServer(config, world.url, "1.2.3", SCRIPTED_BASE);
  expect(await findServer(config)).toEqual({ url: world.url, version: "1.2.3", model: SCRIPTED_BASE.name });
  await world.close();
  expect(await findServer(config)).toBeUndefined();
  await withdraw();
  expect(await findServer(config)).toBeUndefined();
});

test("describePlatforms() says what each platform that is off lacks", () => {
  const off = describePlatforms(configOf({ "web.enabled": "false" }));

  expect(off.map(({ platform, isOn }) => [platform, isOn])).toEqual([
    ["local", false],
    ["discord", false],
    ["slack", false],
  ]);
  expect(off.map(({ why }) => why).join(" ")).toMatch(/web\.enabled.*DISCORD_TOKEN.*SLACK_BOT_TOKEN/);
  expect(describePlatforms(configOf())[0]).toMatchObject({ platform: "local", isOn: true });
});

test("missingForTraining() says that fine-tuning is switched off, and how to switch it on", () => {
  const missing = missingForTraining(configOf({}, { ENABLE_FINE_TUNING: "false" }));

  expect(missing).toMatchObject({
    why: "Fine-tuning is switched off",
    hint: expect.stringContaining("ENABLE_FINE_TUNING"),
  });
});

test("missingForTraining() leaves an interpreter of the operator's to preflight", () => {
  const config = configOf({ "trainer.python": "/opt/python" });

  expect(missingForTraining(config)).toBeUndefined();
  expect(trainerPython(config.trainer)).toBe("/opt/python");
});

test("trainSettings() and readinessSettings() hand on what the operator set", () => {
  const config = configOf(
    { "trainer.threads": "3" },
    { LORA_RANK: "4", MIN_EXAMPLES_PER_DOMAIN: "7", TRAINING_DATA_DAYS: "9" },
  );

  expect(trainSettings(config)).toMatchObject({ rank: 4, threads: 3, alpha: config.trainer.alpha });
  expect(readinessSettings(config)).toMatchObject({ days: 9, thresholds: { examplesMin: 7 } });
});

test("simulationPreset() names settings that exist, and lets the tiny model answer in English", () => {
  const preset = simulationPreset(readWorld(worldPath));

  expect(Object.keys(preset).filter((key) => !settingKeys.includes(key))).toEqual([]);
  expect(configOf(preset).assistant.replyLanguage).toBe("en");
});
