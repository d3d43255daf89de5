import {
  AuditLogEvent,
  ChannelType,
  type DMChannel,
  Events,
  GatewayDispatchEvents,
  type GatewayReadyDispatchData,
  type Guild,
  type GuildBasedChannel,
  PermissionFlagsBits,
} from "discord.js";
import type { PlaceEvent } from "#bots/intake.ts";
import type { ListeningParts } from "./discord-parts.ts";
import type { Listening } from "./listening.ts";
import { visibilityOf, workspaceOfGuild } from "./place.ts";

/** The bot's comings and goings, and what happens to the channels it sees. An outage of a server is none of these. */
export function listenToPlaces(parts: ListeningParts, listening: Listening): void {
  const { client, intake } = parts;
  const accept = (event: PlaceEvent) => listening.run(`place.${event.kind}`, () => intake.acceptPlaceEvent(event));

  client.on(Events.GuildCreate, (guild) =>
    listening.run("place.joined", async () => {
      const adminId = await findAdder(guild);
      await intake.acceptPlaceEvent({ kind: "joined", workspaceId: workspaceOfGuild(guild.id), isNew: true, adminId });
    }),
  );
  client.on(Events.GuildAvailable, (guild) => accept(knownBefore(guild)));
  client.on(Events.GuildDelete, (guild) => accept({ kind: "left", workspaceId: workspaceOfGuild(guild.id) }));

  // A new session names all servers; which ones removed the bot since the last one is not told otherwise.
  client.ws.on(GatewayDispatchEvents.Ready, (ready: GatewayReadyDispatchData, shardId: number) => {
    const present = new Set(ready.guilds.map(({ id }) => id));
    for (const { id } of client.guilds.cache
      .filter((guild) => guild.shardId === shardId && !present.has(guild.id))
      .values()) {
      client.guilds.cache.delete(id);
      client.channels.cache.sweep((channel) => !channel.isDMBased() && channel.guildId === id);
      accept({ kind: "left", workspaceId: workspaceOfGuild(id) });
    }
  });

  client.on(Events.ChannelDelete, (channel: DMChannel | GuildBasedChannel) => {
    if (channel.isDMBased()) return;
    accept(channelDeleted(channel.guildId, channel.id));
    // Discord does not tell of its threads.
    const threads = "threads" in channel ? [...channel.threads.cache.values()] : [];
    for (const { type, id } of threads) {
      if (type === ChannelType.PrivateThread) accept(channelDeleted(channel.guildId, id));
    }
  });
  // A private thread is a channel of its own to us.
  client.on(Events.ThreadDelete, (thread) => {
    if (thread.type === ChannelType.PrivateThread) accept(channelDeleted(thread.guildId, thread.id));
  });

  client.on(Events.ChannelUpdate, (before, after) => {
    if (before.isDMBased() || after.isDMBased()) return;
    const visibility = visibilityOf(after);
    if (visibilityOf(before) === visibility) return;
    accept({
      kind: "visibility-changed",
      workspaceId: workspaceOfGuild(after.guildId),
      channelId: after.id,
      visibility,
    });
  });
  // What everybody may do in the server decides for each channel that has no rule of its own.
  client.on(Events.GuildRoleUpdate, (before, after) => {
    if (after.id !== after.guild.id || before.permissions.equals(after.permissions)) return;
    for (const channel of after.guild.channels.cache.values()) {
      if (channel.isThread()) continue;
      const visibility = visibilityOf(channel);
      accept({
        kind: "visibility-changed",
        workspaceId: workspaceOfGuild(after.guild.id),
        channelId: channel.id,
        visibility,
      });
    }
  });
}

/** Tells which servers the bot is in already. */
export function acceptKnownGuilds(parts: ListeningParts, listening: Listening): void {
  for (const guild of parts.client.guilds.cache.values()) {
    if (guild.available) listening.run("place.joined", () => parts.intake.acceptPlaceEvent(knownBefore(guild)));
  }
}

/** Who added the bot, where the audit log may be read; else the owner of the server. */
export async function findAdder(guild: Guild): Promise<string> {
  if (guild.members.me?.permissions.has(PermissionFlagsBits.ViewAuditLog) === true) {
    const entries = await guild.fetchAuditLogs({ type: AuditLogEvent.BotAdd, limit: 10 }).catch(() => undefined);
    const added = entries?.entries.find(({ targetId }) => targetId === guild.client.user.id);
    if (added?.executorId !== undefined && added.executorId !== null) return added.executorId;
  }
  return guild.ownerId;
}

function knownBefore(guild: Guild): PlaceEvent {
  return { kind: "joined", workspaceId: workspaceOfGuild(guild.id), isNew: false };
}

function channelDeleted(guildId: string, channelId: string): PlaceEvent {
  return { kind: "channel-deleted", workspaceId: workspaceOfGuild(guildId), channelId };
}
