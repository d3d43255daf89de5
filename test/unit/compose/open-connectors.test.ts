import { expect, test } from "vitest";
import { openConnectors } from "#compose/open-connectors.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { recordingLog } from "../../fixtures/redis/start-redis.ts";
import { makeTempFolder, openTempStore } from "../store/sqlite/temp-store.ts";

const OAUTH = {
  SLACK_SIGNING_SECRET: "0".repeat(32),
  SLACK_CLIENT_ID: "12345.67890",
  SLACK_CLIENT_SECRET: "s".repeat(20),
};
const MACHINES = { MONGODB_URI: "mongodb://one/reactune" };

test.each([
  ["says so when the key of installations lies in one machine's folder", { ...OAUTH, ...MACHINES }, 1],
  ["is silent when all machines have the key", { ...OAUTH, ...MACHINES, REACTUNE_ENCRYPTION_KEY: "ab".repeat(32) }, 0],
  ["is silent on one machine", OAUTH, 0],
])("openConnectors() %s", async (_what, environment, lines) => {
  const directory = makeTempFolder();
  const config = loadConfig({
    ...readSystem(),
    argvSettings: [
      { key: "slack.mode", value: "http", flag: "--set" },
      { key: "data.directory", value: directory, flag: "--set" },
    ],
    environment,
    workingDirectory: directory,
  });
  const log = recordingLog();
  await openConnectors(config, openTempStore().platforms, fixedSettings(), log);

  expect(log.lines.filter(({ event }) => event === "slack.key-in-folder")).toHaveLength(lines);
});
