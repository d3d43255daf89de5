import type { Config } from "#config/schema.ts";

export interface PlatformState {
  readonly platform: string;
  readonly isOn: boolean;
  readonly why: string;
}

/** Which platforms run, and why the others do not. */
export function describePlatforms({ web, credentials, slack }: Config): readonly PlatformState[] {
  return [
    describe("local", web.enabled ? undefined : "web.enabled is false"),
    describe("discord", credentials.discordToken === undefined ? "set DISCORD_TOKEN in .env" : undefined),
    describe("slack", missingForSlack(credentials, slack)),
  ];
}

function describe(platform: string, missing: string | undefined): PlatformState {
  const isOn = missing === undefined;
  return {
    platform,
    isOn,
    why: isOn ? "on" : `off: ${missing}${platform === "local" ? "" : ", or run `reactune setup`"}`,
  };
}

/** The way Slack's events arrive; Socket Mode where its token is set. */
export function slackMode({ credentials, slack }: Pick<Config, "credentials" | "slack">): "socket" | "http" {
  if (slack.mode !== "auto") return slack.mode;
  return credentials.slackAppToken === undefined ? "http" : "socket";
}

function missingForSlack(credentials: Config["credentials"], slack: Config["slack"]): string | undefined {
  const { slackBotToken, slackAppToken, slackSigningSecret, slackClientId, slackClientSecret } = credentials;
  const isInstalled = slackClientId !== undefined && slackClientSecret !== undefined;
  if (slackBotToken === undefined && !isInstalled) return "set SLACK_BOT_TOKEN and SLACK_APP_TOKEN in .env";
  if (slackMode({ credentials, slack }) === "socket") {
    return slackAppToken === undefined ? "set SLACK_APP_TOKEN in .env" : undefined;
  }
  return slackSigningSecret === undefined
    ? "set SLACK_APP_TOKEN (or SLACK_SIGNING_SECRET for HTTP) in .env"
    : undefined;
}
