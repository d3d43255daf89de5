import { parse } from "yaml";
import { z } from "zod";
import { type Output, printJson } from "./output.ts";

/**
 * What the bot does in a server, and no more. Bits of Discord's documentation; a text channel can take any of them away again.
 */
export const DISCORD_PERMISSIONS = [
  { name: "View Channels", bit: 10, why: "to see the messages it answers" },
  { name: "Send Messages", bit: 11, why: "to answer" },
  { name: "Send Messages in Threads", bit: 38, why: "to answer in threads" },
  { name: "Create Public Threads", bit: 35, why: "to open a thread for an answer, where chat.openThreads says so" },
  { name: "Attach Files", bit: 15, why: "for the readiness picture and exports" },
  { name: "Read Message History", bit: 16, why: "to reply to a message and to catch up after a restart" },
  { name: "Add Reactions", bit: 6, why: "to offer the five emoji" },
] as const;

export const DISCORD_PERMISSION_BITS: bigint = DISCORD_PERMISSIONS.reduce(
  (sum, { bit }) => sum | (1n << BigInt(bit)),
  0n,
);

export interface InviteLinks {
  /** Into a server. */
  readonly discord?: string;
  /** To a person's own account: the commands everywhere, without the bot in the server. */
  readonly discordForPerson?: string;
  /** Opens Slack's form for a new app, filled in. */
  readonly slack?: string;
}

export interface InviteSources {
  readonly applicationId: string | undefined;
  /** Text of config/slack-manifest.yaml. */
  readonly manifest: string | undefined;
}

export function createInviteLinks({ applicationId, manifest }: InviteSources): InviteLinks {
  return {
    ...(applicationId === undefined ? {} : discordLinks(applicationId)),
    ...(manifest === undefined ? {} : { slack: slackLink(manifest) }),
  };
}

function discordLinks(applicationId: string): InviteLinks {
  const link = (parameters: Readonly<Record<string, string>>) =>
    `https://discord.com/oauth2/authorize?${new URLSearchParams({ client_id: applicationId, ...parameters })}`;
  return {
    discord: link({
      integration_type: "0",
      permissions: String(DISCORD_PERMISSION_BITS),
      scope: "bot applications.commands",
    }),
    discordForPerson: link({ integration_type: "1", scope: "applications.commands" }),
  };
}

function slackLink(manifest: string): string {
  // Comments only make the address long.
  const yaml = manifest.replace(/^\s*#.*\r?\n/gm, "");
  return `https://api.slack.com/apps?new_app=1&manifest_yaml=${encodeURIComponent(yaml)}`;
}

/**
 * The application's id from the first part of a bot token. Undefined when it is none. For applications of before 2017 this is
 * the bot's id and not the application's: ask Discord where it can be asked.
 */
export function applicationIdOfToken(token: string): string | undefined {
  const id = Buffer.from(token.split(".")[0] ?? "", "base64").toString("latin1");
  return /^\d{15,22}$/.test(id) ? id : undefined;
}

const Manifest = z.object({ oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }) });

/** Scopes of the bot that a manifest asks for; empty when it is none. */
export function readManifestScopes(manifest: string | undefined): readonly string[] {
  if (manifest === undefined) return [];
  return Manifest.safeParse(parse(manifest)).data?.oauth_config.scopes.bot ?? [];
}

/** `reactune invite` */
export function printInvite(links: InviteLinks, options: { readonly isJson: boolean }, output: Output): void {
  if (options.isJson) {
    const permissions = DISCORD_PERMISSIONS.map(({ name, bit }) => ({ name, bit }));
    printJson(output, { ...links, discordPermissions: { bits: String(DISCORD_PERMISSION_BITS), permissions } });
    return;
  }
  if (links.discord === undefined) {
    output.print(
      "Discord: no application is known yet. Set DISCORD_TOKEN with `reactune setup`, or give --application-id.",
    );
  } else {
    output.print("Discord, into a server (asks for the least permissions):");
    output.print(`  ${links.discord}`);
    for (const { name, why } of DISCORD_PERMISSIONS) output.print(`    ${name.padEnd(25)} ${why}`);
    output.print("Discord, for yourself (commands in every server and direct message):");
    output.print(`  ${links.discordForPerson ?? ""}`);
  }
  output.print("");
  if (links.slack === undefined) output.print("Slack: config/slack-manifest.yaml is missing: install Reactune again.");
  else {
    output.print("Slack, a new app from the manifest (then install it, and run `reactune setup`):");
    output.print(`  ${links.slack}`);
  }
}
