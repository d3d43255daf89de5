import {
  type APIApplicationCommand,
  type APIApplicationCommandBasicOption,
  ApplicationCommandType,
  ApplicationIntegrationType,
  ChannelType,
  InteractionContextType,
  ApplicationCommandOptionType as OptionType,
  PermissionFlagsBits,
  type RESTPostAPIApplicationCommandsJSONBody,
  Routes,
} from "discord.js";
import type { ChatCommand, CommandOption } from "#bots/chat-command.ts";
import { describeError } from "#core/errors.ts";
import type { DiscordParts } from "./discord-parts.ts";

/** Discord's limits. */
const DESCRIPTION_CHARS_MAX = 100;
const LABEL_CHARS_MAX = 32;
const CHOICES_MAX = 25;
const MESSAGE_COMMANDS_MAX = 5;

/** What holds for a channel holds for its threads, which are no places of their own; a private one is. Categories are none. */
const PLACES = [
  ChannelType.GuildText,
  ChannelType.GuildVoice,
  ChannelType.GuildAnnouncement,
  ChannelType.PrivateThread,
  ChannelType.GuildStageVoice,
  ChannelType.GuildForum,
  ChannelType.GuildMedia,
] as const;

/** Writes what differs from what Discord has, command by command, and nothing else: it allows 200 new ones a day. */
export async function registerCommands(parts: DiscordParts, commands: readonly ChatCommand[]): Promise<void> {
  const { client, log } = parts;
  const applicationId = client.application.id;
  const route = Routes.applicationCommands(applicationId);
  const wanted = describeCommands(commands);
  const registered = (await client.rest.get(route)) as readonly APIApplicationCommand[];
  const wantedByKey = new Map(wanted.map((command) => [keyOf(command), command]));
  const counts = { added: 0, changed: 0, removed: 0 };
  for (const existing of registered) {
    const goal = wantedByKey.get(keyOf(existing));
    wantedByKey.delete(keyOf(existing));
    if (goal === undefined) {
      await client.rest.delete(Routes.applicationCommand(applicationId, existing.id));
      counts.removed++;
    } else if (!holds(existing, goal)) {
      await client.rest.patch(Routes.applicationCommand(applicationId, existing.id), { body: goal });
      counts.changed++;
    }
  }
  for (const body of wantedByKey.values()) {
    await client.rest.post(route, { body });
    counts.added++;
  }
  if (counts.added + counts.changed + counts.removed > 0) log.info(counts, "discord.commands-registered");
}

/** A bot that answers without its commands is better than none. */
export async function tryRegisterCommands(parts: DiscordParts, commands: readonly ChatCommand[]): Promise<void> {
  try {
    await registerCommands(parts, commands);
  } catch (error) {
    parts.log.error({ reason: describeError(error) }, "discord.commands-refused");
  }
}

export function describeCommands(commands: readonly ChatCommand[]): RESTPostAPIApplicationCommandsJSONBody[] {
  const inMenu = commands.filter(({ messageLabel }) => messageLabel !== undefined).slice(0, MESSAGE_COMMANDS_MAX);
  return [
    ...commands.map((command) => ({
      type: ApplicationCommandType.ChatInput as const,
      name: command.name,
      description: cut(command.description, DESCRIPTION_CHARS_MAX),
      // Discord wants the required ones first.
      options: [...command.options].sort((a, b) => Number(b.isRequired) - Number(a.isRequired)).map(describeOption),
      ...describeAccess(command),
    })),
    ...inMenu.map((command) => ({
      type: ApplicationCommandType.Message as const,
      name: menuLabel(command),
      ...describeAccess(command),
    })),
  ];
}

export function menuLabel({ messageLabel, name }: ChatCommand): string {
  return cut(messageLabel ?? name, LABEL_CHARS_MAX);
}

/** Admins of a server see what is for them; people who installed the app for themselves have what is for everyone. */
function describeAccess({ access }: ChatCommand) {
  if (access === "admin") {
    return {
      default_member_permissions: String(PermissionFlagsBits.ManageGuild),
      integration_types: [ApplicationIntegrationType.GuildInstall],
      contexts: [InteractionContextType.Guild, InteractionContextType.BotDM],
    };
  }
  return {
    default_member_permissions: null,
    integration_types: [ApplicationIntegrationType.GuildInstall, ApplicationIntegrationType.UserInstall],
    contexts: [InteractionContextType.Guild, InteractionContextType.BotDM, InteractionContextType.PrivateChannel],
  };
}

function describeOption(option: CommandOption): APIApplicationCommandBasicOption {
  const common = {
    name: option.name,
    description: cut(option.description, DESCRIPTION_CHARS_MAX),
    required: option.isRequired,
  };
  if (option.kind === "channel") return { ...common, type: OptionType.Channel, channel_types: [...PLACES] };
  if (option.kind === "number") {
    return {
      ...common,
      type: OptionType.Number,
      ...(option.min === undefined ? {} : { min_value: option.min }),
      ...(option.max === undefined ? {} : { max_value: option.max }),
    };
  }
  if (option.isCompleted === true) return { ...common, type: OptionType.String, autocomplete: true };
  const choices = (option.choices ?? []).slice(0, CHOICES_MAX).map(({ name, value }) => ({ name, value }));
  return { ...common, type: OptionType.String, ...(choices.length === 0 ? {} : { choices }) };
}

function keyOf({ type, name }: { readonly type?: ApplicationCommandType | undefined; readonly name: string }): string {
  return `${type ?? ApplicationCommandType.ChatInput} ${name}`;
}

/** Whether Discord has all that is wanted; what it adds by itself does not matter, what it leaves out is empty. */
function holds(existing: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    const list = Array.isArray(existing) ? existing : [];
    return list.length === wanted.length && wanted.every((item, index) => holds(list[index], item));
  }
  if (typeof wanted === "object" && wanted !== null) {
    if (typeof existing !== "object" || existing === null) return false;
    const has = new Map(Object.entries(existing));
    const wants = new Map(Object.entries(wanted));
    // An option that lost its choices or its bounds is another option.
    for (const key of REMOVABLE) if (has.has(key) && !wants.has(key) && !isEmpty(has.get(key))) return false;
    return [...wants].every(([key, value]) => holds(has.get(key), value));
  }
  return existing === wanted || (isEmpty(existing) && isEmpty(wanted));
}

const REMOVABLE = ["choices", "min_value", "max_value", "autocomplete", "channel_types"];

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`;
}
