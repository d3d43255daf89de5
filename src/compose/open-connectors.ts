import { join } from "node:path";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import type { SlackOptions } from "#bots/slack/slack-connector.ts";
import type { Config } from "#config/schema.ts";
import type { Log } from "#core/log.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import { carryCursors } from "./discord-shards.ts";
import { openEncryptionKey } from "./encryption-key.ts";
import { processName } from "./identity.ts";
import { describePlatforms, slackMode } from "./platforms.ts";
import type { Stores } from "./stores.ts";

const KEY_HINT =
  "Set REACTUNE_ENCRYPTION_KEY to the same key on every machine that runs bots; the key of this data folder is used until then";

/**
 * A connector for each chat platform that has credentials. They have not started yet. Discord has none here where its servers are
 * spread over shards: those are processes of their own.
 */
export async function openConnectors(
  config: Config,
  platforms: PlatformStore,
  settings: SettingsWatch,
  log: Log,
  /** What all processes together may send, and how many they are. */
  { windows, live }: Pick<Stores, "windows" | "live"> = {},
): Promise<readonly PlatformConnector[]> {
  const on = describePlatforms(config).flatMap(({ platform, isOn }) => (isOn ? [platform] : []));
  const connectors: PlatformConnector[] = [];
  if (on.includes("discord") && config.discord.shards === undefined) {
    await carryCursors(platforms, 0);
    const discord = await openDiscord(config, settings, log, { processes: 1, live });
    connectors.push(windows === undefined ? discord : { ...discord, sharedWindows: windows });
  }
  if (on.includes("slack")) connectors.push(await openSlack(config, { platforms, settings, windows, live, log }));
  return connectors;
}

/** For one of several processes that share the bot's limits; where none can be counted, they are as many as is told here. */
export async function openDiscord(
  { credentials, discord }: Config,
  settings: SettingsWatch,
  log: Log,
  { processes, live }: { readonly processes: number; readonly live: Stores["live"] },
): Promise<PlatformConnector> {
  const { createDiscordConnector } = await import("#bots/discord/discord-connector.ts");
  return createDiscordConnector({
    token: credentials.discordToken ?? "",
    ...(discord.apiUrl === undefined ? {} : { apiUrl: discord.apiUrl }),
    sharing: { processes, ...(live === undefined ? {} : { counted: { live, processName } }) },
    settings,
    log,
    now: Date.now,
  });
}

async function openSlack(
  config: Config,
  parts: Pick<SlackOptions, "platforms" | "settings" | "windows" | "live" | "log">,
): Promise<PlatformConnector> {
  const [{ createSlackConnector }, { createSeal }] = await Promise.all([
    import("#bots/slack/slack-connector.ts"),
    import("#bots/slack/sealed-installations.ts"),
  ]);
  const { credentials, slack, data, servers } = config;
  const isKeyOwn = credentials.encryptionKey === undefined;
  if (isKeyOwn && credentials.slackClientId !== undefined && servers.mongodbUri !== undefined) {
    parts.log.warn({ hint: KEY_HINT }, "slack.key-in-folder");
  }
  return createSlackConnector({
    credentials: {
      botToken: credentials.slackBotToken,
      appToken: credentials.slackAppToken,
      signingSecret: credentials.slackSigningSecret,
      clientId: credentials.slackClientId,
      clientSecret: credentials.slackClientSecret,
    },
    mode: slackMode(config),
    host: slack.host,
    port: slack.port,
    apiUrl: slack.apiUrl,
    streaming: slack.streaming,
    ...parts,
    seal: createSeal(openEncryptionKey(credentials.encryptionKey, join(data.directory, "encryption.key"))),
    now: Date.now,
  });
}
