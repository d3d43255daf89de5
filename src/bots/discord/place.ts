import { type Channel, ChannelType, type Guild, type GuildBasedChannel, PermissionFlagsBits } from "discord.js";
import type { Visibility } from "#core/scope.ts";
import type { DiscordParts } from "./discord-parts.ts";

/** Direct messages with the bot belong to no server. */
export const DIRECT_WORKSPACE_ID = "discord:dm";

export interface ChannelPlace {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  readonly visibility: Visibility;
}

export function workspaceOfGuild(guildId: string): string {
  return `discord:${guildId}`;
}

/** Undefined for direct messages and for people's own installations. */
export function guildOfWorkspace(workspaceId: string): string | undefined {
  return /^discord:(\d+)$/.exec(workspaceId)?.[1];
}

/** Calls of people who installed the app for themselves, where the bot is no member. */
export function workspaceOfUser(userId: string): string {
  return `discord:user:${userId}`;
}

export function isWorkspaceOfUser(workspaceId: string): boolean {
  return workspaceId.startsWith("discord:user:");
}

/** Undefined for a channel that is not known: a thread that woke up, or one the bot cannot see. */
export function placeOf(parts: DiscordParts, channelId: string, guildId: string | undefined): ChannelPlace | undefined {
  if (guildId === undefined) return { workspaceId: DIRECT_WORKSPACE_ID, channelId, visibility: "direct" };
  const channel = parts.client.channels.cache.get(channelId);
  return channel === undefined ? undefined : placeOfChannel(channel, guildId);
}

/** As `placeOf`, and asks Discord for a channel that is not known. Undefined when Discord does not tell either. */
export async function findPlace(
  parts: DiscordParts,
  channelId: string,
  guildId: string | undefined,
): Promise<ChannelPlace | undefined> {
  const known = placeOf(parts, channelId, guildId);
  if (known !== undefined || guildId === undefined) return known;
  const channel = await parts.client.channels.fetch(channelId).catch(() => null);
  return channel === null ? undefined : placeOfChannel(channel, guildId);
}

/**
 * A thread belongs to its channel and is read by whoever reads that. A private thread is read by its members only, so it stands
 * as a channel of its own: two private threads of one channel share nothing.
 */
function placeOfChannel(channel: Channel, guildId: string): ChannelPlace {
  const workspaceId = workspaceOfGuild(guildId);
  if (channel.type === ChannelType.PrivateThread) {
    return { workspaceId, channelId: channel.id, visibility: "private" };
  }
  if (channel.isThread()) {
    const parent = channel.parent;
    return {
      workspaceId,
      channelId: channel.parentId ?? channel.id,
      threadId: channel.id,
      visibility: parent === null ? "private" : visibilityOf(parent),
    };
  }
  return {
    workspaceId,
    channelId: channel.id,
    visibility: channel.isDMBased() ? "private" : visibilityOf(channel),
  };
}

/** Public is what every member of the server can read. */
export function visibilityOf(channel: GuildBasedChannel): Visibility {
  const everyone = channel.permissionsFor(channel.guild.roles.everyone);
  const needed = channel.isVoiceBased()
    ? PermissionFlagsBits.ViewChannel | PermissionFlagsBits.Connect
    : PermissionFlagsBits.ViewChannel;
  return everyone?.has(needed) === true ? "public" : "private";
}

/** The bot's own permissions in a channel of a server. */
export function canHere(guild: Guild, channel: GuildBasedChannel, permissions: bigint): boolean {
  const me = guild.members.me;
  return me !== null && channel.permissionsFor(me).has(permissions);
}
