import { type APIAttachment, type APIMessage, type GatewayMessageCreateDispatchData, MessageType } from "discord.js";
import type { MessageGlance } from "#bots/intake.ts";
import type { Attachment, IncomingMessage } from "#core/inbox.ts";
import type { DiscordParts } from "./discord-parts.ts";
import type { OpenThreads } from "./open-threads.ts";
import type { ChannelPlace } from "./place.ts";

/** A message as the gateway or a channel's history tells it; the history leaves out the server and the member. */
export type DiscordMessage = APIMessage & Partial<Pick<GatewayMessageCreateDispatchData, "guild_id" | "member">>;

const ATTACHMENTS_MAX = 10;

/** Whether a person wrote it: no bot, no webhook, no note of Discord itself. */
export function isFromPerson(message: DiscordMessage): boolean {
  return (
    message.author.bot !== true &&
    message.author.system !== true &&
    message.webhook_id === undefined &&
    (message.type === MessageType.Default || message.type === MessageType.Reply)
  );
}

export function glanceAt(parts: DiscordParts, message: DiscordMessage, place: ChannelPlace): MessageGlance {
  return {
    workspaceId: place.workspaceId,
    channelId: place.channelId,
    visibility: place.visibility,
    userId: message.author.id,
    roles: message.member?.roles ?? [],
    isAddressed: isAddressed(parts, message, place),
  };
}

export function readMessage(
  parts: DiscordParts,
  threads: OpenThreads,
  message: DiscordMessage,
  place: ChannelPlace,
): IncomingMessage {
  const text = textOf(parts, message);
  const threadId = place.threadId ?? plannedThread(parts, threads, message, place, text);
  return {
    platform: "discord",
    workspaceId: place.workspaceId,
    channelId: place.channelId,
    ...(threadId === undefined ? {} : { threadId }),
    visibility: place.visibility,
    userId: message.author.id,
    messageId: message.id,
    text,
    sentAtMs: Date.parse(message.timestamp),
    ...filesOf(message),
  };
}

/** The words without the mention that called the bot; what is shown as a name is a name. */
export function textOf(
  { client }: Pick<DiscordParts, "client">,
  message: Pick<DiscordMessage, "content" | "mentions" | "message_snapshots" | "guild_id">,
): string {
  const words = message.content === "" ? (message.message_snapshots?.[0]?.message.content ?? "") : message.content;
  const ownId = client.user.id;
  const ownRole = ownRoleOf(client, message.guild_id);
  const names = new Map(message.mentions.map((user) => [user.id, user.global_name ?? user.username]));
  return words
    .replace(/<(@[!&]?|#)(\d{15,20})>/g, (_, sign: string, id: string) => {
      if (id === ownId || id === ownRole) return "";
      if (sign === "#") return `#${channelName(client, id)}`;
      if (sign === "@&")
        return `@${client.guilds.cache.get(message.guild_id ?? "")?.roles.cache.get(id)?.name ?? "role"}`;
      return `@${names.get(id) ?? "someone"}`;
    })
    .replace(/<a?:(\w{2,32}):\d{15,20}>/g, ":$1:")
    .replace(/[ \t]{2,}/g, " ")
    .trim();
}

/** What hangs on a message, also after an edit of its words. */
export function filesOf({ attachments }: Pick<DiscordMessage, "attachments">): Pick<IncomingMessage, "attachments"> {
  if (attachments.length === 0) return {};
  return { attachments: attachments.slice(0, ATTACHMENTS_MAX).map(readAttachmentOf) };
}

function isAddressed({ client }: DiscordParts, message: DiscordMessage, place: ChannelPlace): boolean {
  if (place.visibility === "direct") return true;
  const ownId = client.user.id;
  if (message.mentions.some(({ id }) => id === ownId)) return true;
  if (message.referenced_message?.author.id === ownId) return true;
  const ownRole = ownRoleOf(client, message.guild_id);
  if (ownRole !== undefined && message.mention_roles.includes(ownRole)) return true;
  const channel = client.channels.cache.get(message.channel_id);
  return channel?.isThread() === true && (channel.ownerId === ownId || channel.joined);
}

/** Discord gives every bot a role of its name; people pick it from the list of mentions as easily as the bot. */
function ownRoleOf(client: DiscordParts["client"], guildId: string | undefined): string | undefined {
  return guildId === undefined ? undefined : client.guilds.cache.get(guildId)?.roles.botRoleFor(client.user.id)?.id;
}

function channelName(client: DiscordParts["client"], id: string): string {
  const channel = client.channels.cache.get(id);
  return channel !== undefined && "name" in channel && channel.name !== null ? channel.name : "channel";
}

function plannedThread(
  { settings }: DiscordParts,
  threads: OpenThreads,
  message: DiscordMessage,
  place: ChannelPlace,
  text: string,
): string | undefined {
  if (place.visibility === "direct") return undefined;
  const { workspaceId, channelId, visibility } = place;
  if (!settings.of({ platform: "discord", workspaceId, channelId, visibility }).openThreads) return undefined;
  return threads.planFor({ id: message.id, channelId, text });
}

function readAttachmentOf(attachment: APIAttachment): Attachment {
  return {
    id: attachment.id,
    name: attachment.filename,
    mediaType: attachment.content_type ?? "application/octet-stream",
    bytes: attachment.size,
    url: attachment.url,
  };
}
