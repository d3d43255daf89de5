import type { Config } from "#config/schema.ts";

export interface PlatformState {
  readonly platform: string;
  readonly isOn: boolean;
  readonly why: string;
}

/** Which platforms run, and why the others do not. */
export function describePlatforms({ web, credentials }: Config): readonly PlatformState[] {
  const without = (names: string) => `off: set ${names} in .env`;
  const later = "credentials found; this version has no connector for it yet";
  return [
    { platform: "local", isOn: web.enabled, why: web.enabled ? "on" : "off: web.enabled is false" },
    {
      platform: "discord",
      isOn: false,
      why: credentials.discordToken === undefined ? without("DISCORD_TOKEN") : later,
    },
    {
      platform: "slack",
      isOn: false,
      why: credentials.slackBotToken === undefined ? without("SLACK_BOT_TOKEN and SLACK_APP_TOKEN") : later,
    },
  ];
}
