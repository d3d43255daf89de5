import { expect, test } from "vitest";
import { describePlatforms, slackMode } from "#compose/platforms.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";

const BOT = { SLACK_BOT_TOKEN: "xoxb-1234567890" };
const HTTP = { SLACK_SIGNING_SECRET: "0123456789abcdef" };
const OAUTH = { SLACK_CLIENT_ID: "1234567890.1234567890", SLACK_CLIENT_SECRET: "0123456789abcdef" };

function configOf(environment: Readonly<Record<string, string>>) {
  return loadConfig({ ...readSystem(), argvSettings: [], environment, workingDirectory: "/nowhere" });
}

test.each([
  ["no credential", {}, "SLACK_BOT_TOKEN"],
  ["a bot token alone", BOT, "SLACK_APP_TOKEN (or SLACK_SIGNING_SECRET for HTTP)"],
  ["a signing secret alone", HTTP, "SLACK_BOT_TOKEN"],
  ["OAuth without a way for events", OAUTH, "SLACK_APP_TOKEN"],
])("describePlatforms() says what Slack lacks when there is %s", (_, environment, missing) => {
  const slack = describePlatforms(configOf(environment)).find(({ platform }) => platform === "slack");

  expect(slack?.isOn).toBe(false);
  expect(slack?.why).toContain(missing);
});

test.each([
  ["bot and app token", { ...BOT, SLACK_APP_TOKEN: "xapp-1234567890" }, "socket"],
  ["bot token and signing secret", { ...BOT, ...HTTP }, "http"],
  ["OAuth and signing secret", { ...OAUTH, ...HTTP }, "http"],
])("describePlatforms() has Slack on when there are %s", (_, environment, mode) => {
  const config = configOf(environment);

  expect(describePlatforms(config).find(({ platform }) => platform === "slack")).toMatchObject({ isOn: true });
  expect(slackMode(config)).toBe(mode);
});

test("describePlatforms() has Discord on when its token is set, and says how to get there when not", () => {
  const discordOf = (environment: Readonly<Record<string, string>>) =>
    describePlatforms(configOf(environment)).find(({ platform }) => platform === "discord");

  expect(discordOf({ DISCORD_TOKEN: `${"a".repeat(24)}.${"b".repeat(6)}.${"c".repeat(27)}` })?.isOn).toBe(true);
  expect(discordOf({})?.why).toBe("off: set DISCORD_TOKEN in .env, or run `reactune setup`");
});
