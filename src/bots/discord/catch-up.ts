import {
  type APIMessage,
  type Channel,
  PermissionFlagsBits,
  Routes,
  SnowflakeUtil,
  type TextBasedChannel,
} from "discord.js";
import type { Missed } from "#bots/platform-connector.ts";
import { describeError } from "#core/errors.ts";
import { rolesOfMember } from "./command-call.ts";
import { acceptMessage, type MessageParts } from "./listen-messages.ts";
import { acceptReactionsNow } from "./listen-reactions.ts";
import { canHere, DIRECT_WORKSPACE_ID, isWorkspaceOfUser } from "./place.ts";

const READ = PermissionFlagsBits.ViewChannel | PermissionFlagsBits.ReadMessageHistory;
const PAGE = 100;
const PAGES_PER_CHANNEL_MAX = 10;
const CHANNELS_MAX = 2000;
const PARALLEL = 4;

/** Reads what was written and reacted while no session was open. One channel that cannot be read does not stop the others. */
export async function catchUp(parts: MessageParts, missed: Missed): Promise<void> {
  const { sinceMs } = missed;
  if (sinceMs !== undefined) {
    const after = SnowflakeUtil.generate({ timestamp: sinceMs }).toString();
    const direct = missed.replies.filter(({ workspaceId }) => workspaceId === DIRECT_WORKSPACE_ID);
    const channels = [
      ...new Set(direct.map(({ channelId }) => channelId)),
      ...parts.client.channels.cache.filter((channel) => mayHoldMissed(channel, after)).keys(),
    ].slice(0, CHANNELS_MAX);
    await eachOf(channels, (channelId) =>
      attempt(parts, { channelId }, () => acceptMessagesAfter(parts, channelId, after)),
    );
  }
  // What came by a person's own installation cannot be read by the bot.
  const readable = missed.replies.filter(({ workspaceId }) => !isWorkspaceOfUser(workspaceId));
  await eachOf(readable, (reply) =>
    attempt(parts, { channelId: reply.channelId }, () => acceptReactionsNow(parts, reply)),
  );
}

function mayHoldMissed(channel: Channel, after: string): boolean {
  if (channel.isDMBased() || !channel.isTextBased()) return false;
  const last = lastMessageIdOf(channel);
  if (last === undefined || BigInt(last) <= BigInt(after)) return false;
  return canHere(channel.guild, channel, READ);
}

function lastMessageIdOf(channel: TextBasedChannel): string | undefined {
  return "lastMessageId" in channel ? (channel.lastMessageId ?? undefined) : undefined;
}

/** Oldest first, as they were written. */
async function acceptMessagesAfter(parts: MessageParts, channelId: string, cursor: string): Promise<void> {
  const channel = parts.client.channels.cache.get(channelId);
  const guildId = channel === undefined || channel.isDMBased() ? undefined : channel.guildId;
  let after = cursor;
  for (let pages = 0; pages < PAGES_PER_CHANNEL_MAX; pages++) {
    const query = new URLSearchParams({ after, limit: String(PAGE) });
    const page = (await parts.client.rest.get(Routes.channelMessages(channelId), { query })) as APIMessage[];
    const ordered = page.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
    for (const message of ordered) {
      await acceptMessage(parts, guildId === undefined ? message : await withGuild(parts, message, guildId));
    }
    const last = ordered.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.id;
  }
  parts.log.warn({ channelId, messages: PAGE * PAGES_PER_CHANNEL_MAX }, "discord.catch-up-cut");
}

/** A channel's history does not tell the roles of who wrote; they are asked for only where roles matter. */
async function withGuild(parts: MessageParts, message: APIMessage, guildId: string) {
  const workspaceId = `discord:${guildId}`;
  const { allowedRoles } = parts.settings.of({ platform: "discord", workspaceId, channelId: message.channel_id });
  if (allowedRoles.length === 0 || message.author.bot === true) return { ...message, guild_id: guildId };
  const guild = parts.client.guilds.cache.get(guildId);
  const member = await guild?.members.fetch(message.author.id).catch(() => undefined);
  const roles = member === undefined ? [] : rolesOfMember(member.roles.cache, guildId);
  return { ...message, guild_id: guildId, member: { roles } as never };
}

async function attempt(parts: MessageParts, fields: object, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    parts.log.warn({ ...fields, reason: describeError(error) }, "discord.catch-up-failed");
  }
}

async function eachOf<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await act(item);
    }),
  );
}
