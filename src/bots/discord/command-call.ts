import {
  type AutocompleteInteraction,
  type ChatInputCommandInteraction,
  type Interaction,
  InteractionContextType,
  PermissionFlagsBits,
  Team,
  TeamMemberMembershipState,
} from "discord.js";
import type { CommandCall } from "#bots/chat-command.ts";
import type { DiscordParts } from "./discord-parts.ts";
import { type ChannelPlace, DIRECT_WORKSPACE_ID, findPlace, workspaceOfUser } from "./place.ts";

const WRITE = PermissionFlagsBits.ViewChannel | PermissionFlagsBits.SendMessages;

/** Who calls, from where, and what that person may do there. */
export type Caller = Omit<CommandCall, "command" | "options" | "messageId" | "isForm">;

/** Undefined when the place cannot be told. */
export async function readCaller(parts: DiscordParts, interaction: Interaction): Promise<Caller | undefined> {
  const place = await placeOfCall(parts, interaction);
  if (place === undefined) return undefined;
  const roles = rolesOf(interaction);
  return {
    platform: "discord",
    callId: `discord:${interaction.id}`,
    workspaceId: place.workspaceId,
    channelId: place.channelId,
    ...(place.threadId === undefined ? {} : { threadId: place.threadId }),
    visibility: place.visibility,
    userId: interaction.user.id,
    roles,
    isAdmin: isAdmin(parts, interaction, place, roles),
    atMs: interaction.createdTimestamp,
  };
}

export function readOptions(
  interaction: ChatInputCommandInteraction | AutocompleteInteraction,
): ReadonlyMap<string, string> {
  return new Map(
    interaction.options.data.flatMap(({ name, value }) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

/** Whether the person came by an own installation, to a place where the bot is no member. */
function isUserInstalled(interaction: Interaction): boolean {
  if (interaction.context === InteractionContextType.BotDM) return false;
  return interaction.guildId === null || !interaction.inCachedGuild();
}

/** Else only the call's own way leads back: where the bot is no member, or may not write. */
export function canWriteItself(interaction: Interaction): boolean {
  return !isUserInstalled(interaction) && (interaction.guildId === null || interaction.appPermissions.has(WRITE));
}

async function placeOfCall(parts: DiscordParts, interaction: Interaction): Promise<ChannelPlace | undefined> {
  const { channelId } = interaction;
  if (channelId === null) return undefined;
  if (isUserInstalled(interaction)) {
    return { workspaceId: workspaceOfUser(interaction.user.id), channelId, visibility: "direct" };
  }
  if (interaction.guildId === null) return { workspaceId: DIRECT_WORKSPACE_ID, channelId, visibility: "direct" };
  return await findPlace(parts, channelId, interaction.guildId);
}

function rolesOf(interaction: Interaction): readonly string[] {
  const { member } = interaction;
  if (member === null) return [];
  return Array.isArray(member.roles) ? member.roles : rolesOfMember(member.roles.cache, interaction.guildId);
}

/** Without the role of everybody, which is no role. */
export function rolesOfMember(roles: ReadonlyMap<string, unknown>, guildId: string | null): readonly string[] {
  return [...roles.keys()].filter((id) => id !== guildId);
}

function isAdmin(
  parts: DiscordParts,
  interaction: Interaction,
  place: ChannelPlace,
  roles: readonly string[],
): boolean {
  if (place.visibility === "direct") return isOwnerOfApp(parts, interaction.user.id);
  const { guild, memberPermissions, user } = interaction;
  if (guild?.ownerId === user.id) return true;
  if (memberPermissions?.any([PermissionFlagsBits.ManageGuild, PermissionFlagsBits.Administrator]) === true)
    return true;
  const { adminRoles } = parts.settings.of({
    platform: "discord",
    workspaceId: place.workspaceId,
    channelId: place.channelId,
  });
  return roles.some((role) => adminRoles.includes(role));
}

function isOwnerOfApp({ client }: DiscordParts, userId: string): boolean {
  const { owner } = client.application;
  if (owner instanceof Team) return owner.members.get(userId)?.membershipState === TeamMemberMembershipState.Accepted;
  return owner?.id === userId;
}
