import {
  type APIDMChannel,
  type Guild,
  type GuildBasedChannel,
  MessageFlags,
  PermissionFlagsBits,
  Routes,
} from "discord.js";
import type { Notice } from "#bots/platform-connector.ts";
import { describeError, PlatformRefusedError } from "#core/errors.ts";
import type { DiscordParts } from "./discord-parts.ts";
import { findAdder } from "./listen-places.ts";
import { canHere, visibilityOf } from "./place.ts";
import { orRefusal } from "./refusals.ts";
import { renderMessages } from "./render-markdown.ts";

const WRITE = PermissionFlagsBits.ViewChannel | PermissionFlagsBits.SendMessages;

/** Posts a word that answers nothing. What is for one person goes to that person alone, or, where that is refused, to the place. */
export async function tell(parts: DiscordParts, notice: Notice): Promise<void> {
  const here = notice.threadId ?? notice.channelId;
  if (notice.onlyTo !== undefined) {
    if (await sendDirect(parts, notice.onlyTo, notice.text)) return;
  }
  if (here !== undefined) return await send(parts, here, notice.text);
  await tellAdmins(parts, notice);
}

/**
 * What people report is for no other eyes: the channel that the admins chose, one of the moderators, else one admin alone. The next one
 * where a channel is gone, or closed to the bot.
 */
async function tellAdmins(parts: DiscordParts, { workspaceId, text }: Notice): Promise<void> {
  const { adminChannel } = parts.settings.of({ platform: "discord", workspaceId });
  if (adminChannel !== undefined && (await isSent(parts, adminChannel, text))) return;
  const guild = parts.client.guilds.cache.get(workspaceId.replace(/^discord:/, ""));
  if (guild === undefined) throw noWay(workspaceId);
  const channel = channelOfModerators(guild);
  if (channel !== undefined && (await isSent(parts, channel.id, text))) return;
  if (await sendDirect(parts, await findAdder(guild), text)) return;
  if (!(await sendDirect(parts, guild.ownerId, text))) throw noWay(workspaceId);
}

async function send(parts: DiscordParts, channelId: string, text: string): Promise<void> {
  for (const content of renderMessages(text)) {
    await orRefusal("post a notice", () =>
      parts.client.rest.post(Routes.channelMessages(channelId), {
        body: { content, allowed_mentions: { parse: [] }, flags: MessageFlags.SuppressEmbeds },
      }),
    );
  }
}

/** False when Discord refuses it for good. */
async function isSent(parts: DiscordParts, channelId: string, text: string): Promise<boolean> {
  try {
    await send(parts, channelId, text);
    return true;
  } catch (error) {
    if (!(error instanceof PlatformRefusedError) || error.reason === "credentials") throw error;
    parts.log.warn({ channelId, reason: describeError(error) }, "discord.admin-channel-refused");
    return false;
  }
}

/** False when that person takes no messages from the bot. */
async function sendDirect(parts: DiscordParts, userId: string, text: string): Promise<boolean> {
  try {
    const channel = await orRefusal("open a direct conversation", () =>
      parts.client.rest.post(Routes.userChannels(), { body: { recipient_id: userId } }),
    );
    await send(parts, (channel as APIDMChannel).id, text);
    return true;
  } catch (error) {
    if (error instanceof PlatformRefusedError && error.reason !== "credentials") return false;
    throw error;
  }
}

/** Where Discord itself writes to the moderators of a community, unless everybody reads along. */
function channelOfModerators(guild: Guild): GuildBasedChannel | undefined {
  return (
    [guild.safetyAlertsChannel, guild.publicUpdatesChannel].find(
      (channel) => channel !== null && visibilityOf(channel) === "private" && canHere(guild, channel, WRITE),
    ) ?? undefined
  );
}

function noWay(workspaceId: string): PlatformRefusedError {
  return new PlatformRefusedError(
    `post a notice in "${workspaceId}": there is nobody to post it to`,
    "permission",
    "Name a channel that the bot may write to: `/settings set chat.adminChannel`",
  );
}
