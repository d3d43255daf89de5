import {
  GatewayDispatchEvents,
  type GatewayMessageDeleteBulkDispatchData,
  type GatewayMessageDeleteDispatchData,
} from "discord.js";
import type { ListeningParts } from "./discord-parts.ts";
import type { Listening } from "./listening.ts";
import type { OpenThreads } from "./open-threads.ts";
import { type ChannelPlace, findPlace, guildOfWorkspace, placeOf } from "./place.ts";
import { type DiscordMessage, filesOf, glanceAt, isFromPerson, readMessage, textOf } from "./read-message.ts";

export interface MessageParts extends ListeningParts {
  readonly threads: OpenThreads;
  readonly noteOwn: (message: DiscordMessage) => void;
}

export function listenToMessages(parts: MessageParts, listening: Listening): void {
  const { client, intake } = parts;

  listening.on<DiscordMessage>(GatewayDispatchEvents.MessageCreate, async (message) => {
    if (message.author.id === client.user.id) return parts.noteOwn(message);
    await acceptMessage(parts, message);
  });

  // Previews and pins are updates too; only people's edits carry a time.
  listening.on<DiscordMessage>(GatewayDispatchEvents.MessageUpdate, async (message) => {
    if (message.edited_timestamp === null || message.edited_timestamp === undefined || !isFromPerson(message)) return;
    const place = await findPlace(parts, message.channel_id, message.guild_id);
    if (place === undefined) return;
    await intake.acceptEdit({
      ...placeFields(place),
      messageId: message.id,
      text: textOf(parts, message),
      ...filesOf(message),
      editedAtMs: Date.parse(message.edited_timestamp),
    });
  });

  const acceptDeletions = async (ids: readonly string[], channelId: string, guildId: string | undefined) => {
    const place = await findPlace(parts, channelId, guildId);
    if (place === undefined) return;
    for (const messageId of ids) await intake.acceptDeletion({ ...placeFields(place), messageId });
  };
  listening.on<GatewayMessageDeleteDispatchData>(GatewayDispatchEvents.MessageDelete, (deleted) =>
    acceptDeletions([deleted.id], deleted.channel_id, deleted.guild_id),
  );
  listening.on<GatewayMessageDeleteBulkDispatchData>(GatewayDispatchEvents.MessageDeleteBulk, (deleted) =>
    acceptDeletions(deleted.ids, deleted.channel_id, deleted.guild_id),
  );
}

/** Also for messages of a channel's history, which were missed. Resolves when what is wanted is durable. */
export async function acceptMessage(parts: MessageParts, message: DiscordMessage): Promise<void> {
  if (!isFromPerson(message)) return;
  const place =
    placeOf(parts, message.channel_id, message.guild_id) ??
    (await findPlace(parts, message.channel_id, message.guild_id));
  if (place === undefined || !parts.intake.wants(glanceAt(parts, message, place))) return;
  // Direct messages of somebody new are not: such a channel is not known after a start.
  const isReadAgain = guildOfWorkspace(place.workspaceId) !== undefined;
  const read = readMessage(parts, parts.threads, message, place);
  await parts.intake.acceptMessage(`discord:${message.id}`, read, { isReadAgain });
}

export function placeFields({ workspaceId, channelId, threadId }: Omit<ChannelPlace, "visibility">) {
  return { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }) };
}
