import { cleanText } from "#core/clean-text.ts";
import type { Platform } from "#core/scope.ts";
import type { ChatCommand, CommandOption } from "./chat-command.ts";

/** Options by name, or what is wrong with them in words that end in how to write it. */
export type ParsedOptions = { readonly options: ReadonlyMap<string, string> } | { readonly problem: string };

/** Longest text of one option: Discord's own limit of a slash command's text. */
const OPTION_CHARS_MAX = 6000;

/**
 * Reads "5 great answer" against a command's options: in their order, quoted where they hold spaces, `name:value` out of
 * order, channels as `<#C123|name>` anywhere before the text that takes the rest. Platforms with typed options do not need it.
 */
export function parseCommandText(command: ChatCommand, text: string): ParsedOptions {
  const options = new Map<string, string>();
  let rest = text.trim();
  while (rest !== "") {
    const taken = takeOption(command, options, rest);
    if (taken === undefined) return { problem: `I cannot place "${shorten(rest)}". Use ${describeUsage(command)}` };
    options.set(taken.option.name, taken.value);
    rest = taken.rest.trimStart();
  }
  return checkOptions(command, options);
}

/** Drops what the command does not know, and brings the rest to the form that it expects. */
export function checkOptions(command: ChatCommand, given: ReadonlyMap<string, string>): ParsedOptions {
  const options = new Map<string, string>();
  for (const option of command.options) {
    const value = cleanText(given.get(option.name) ?? "");
    if (value === "") {
      if (!option.isRequired) continue;
      return { problem: `${option.name} is missing: ${option.description}. Use ${describeUsage(command)}` };
    }
    const checked = checkValue(option, value);
    if (checked === undefined) {
      return { problem: `${option.name} must be ${describeKind(option)}. Use ${describeUsage(command)}` };
    }
    options.set(option.name, checked);
  }
  return { options };
}

/** `/rate [score 1-5] [comment…]`, as Markdown code. */
export function describeUsage(command: ChatCommand, prefix = "/"): string {
  const options = command.options.map((option) => {
    const words = `${option.name}${describeRange(option)}${option.takesRest === true ? "…" : ""}`;
    return option.isRequired ? `<${words}>` : `[${words}]`;
  });
  return `\`${[`${prefix}${command.name}`, ...options].join(" ")}\``;
}

/** The help text: a line a command, in their order, those of admins behind a heading of their own. */
export function describeCommands(commands: readonly ChatCommand[], options: HelpOptions): string {
  const listed = (access: ChatCommand["access"]) =>
    commands
      .filter((command) => command.access === access)
      .map((command) => `- ${describeUsage(command, options.prefix)} ${command.description}`);
  const admin = options.isAdmin ? ["", "**For admins**", ...listed("admin")] : [];
  return ["**Commands**", ...listed("everyone"), ...admin].join("\n");
}

/** Discord makes names of ids, and pings nobody for it; elsewhere the id is what settings take. */
export function describeChannel(platform: Platform, channelId: string): string {
  return platform === "discord" && SNOWFLAKE.test(channelId) ? `<#${channelId}>` : `channel \`${channelId}\``;
}

export function describePerson(platform: Platform, userId: string): string {
  return platform === "discord" && SNOWFLAKE.test(userId) ? `<@${userId}>` : `\`${userId}\``;
}

const SNOWFLAKE = /^\d{15,20}$/u;

export interface HelpOptions {
  readonly isAdmin: boolean;
  readonly prefix?: string;
}

interface Taken {
  readonly option: CommandOption;
  readonly value: string;
  readonly rest: string;
}

function takeOption(command: ChatCommand, taken: ReadonlyMap<string, string>, text: string): Taken | undefined {
  const open = command.options.filter((option) => !taken.has(option.name));
  const named = /^([a-z][a-z0-9-]*)[:=](?=\S)/u.exec(text);
  const byName = open.find((option) => option.name === named?.[1]);
  if (named !== null && byName !== undefined) return takeValue(byName, text.slice(named[0].length));

  const channel = open.find((option) => option.kind === "channel");
  if (channel !== undefined && CHANNEL.test(text)) return takeValue(channel, text);
  const next = open.find((option) => option.kind !== "channel") ?? channel;
  return next === undefined ? undefined : takeValue(next, text);
}

/** Slack writes `<#C123|name>`, Discord `<#123>`. */
const CHANNEL = /^<#([A-Za-z0-9]+)(?:\|[^>]*)?>/u;

const QUOTES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["'", "'"],
  ["“", "”"],
  ["„", "“"],
  ["«", "»"],
]);

function takeValue(option: CommandOption, text: string): Taken {
  const quoted = takeQuoted(text);
  if (option.takesRest === true) {
    const isWholeQuoted = quoted !== undefined && quoted.rest.trim() === "";
    return { option, value: isWholeQuoted ? quoted.value : text, rest: "" };
  }
  if (quoted !== undefined) return { option, ...quoted };
  const [value = ""] = CHANNEL.exec(text) ?? /^\S+/u.exec(text) ?? [];
  return { option, value, rest: text.slice(value.length) };
}

/** Undefined when the text does not begin with a quote that is closed before a space or the end. */
function takeQuoted(text: string): { readonly value: string; readonly rest: string } | undefined {
  const [first = ""] = text;
  const closing = QUOTES.get(first);
  if (closing === undefined) return undefined;
  for (let at = text.indexOf(closing, 1); at > 0; at = text.indexOf(closing, at + 1)) {
    const rest = text.slice(at + closing.length);
    if (rest === "" || /^\s/u.test(rest)) return { value: text.slice(1, at), rest };
  }
  return undefined;
}

function checkValue(option: CommandOption, value: string): string | undefined {
  switch (option.kind) {
    case "number": {
      const number = Number(value);
      const isInside =
        number >= (option.min ?? Number.NEGATIVE_INFINITY) && number <= (option.max ?? Number.POSITIVE_INFINITY);
      return Number.isInteger(number) && isInside ? String(number) : undefined;
    }
    case "choice": {
      const word = value.toLowerCase();
      return option.choices?.find(
        (choice) => choice.value === value || [choice.value, choice.name].some((name) => name.toLowerCase() === word),
      )?.value;
    }
    case "channel": {
      const id = CHANNEL.exec(value)?.[1] ?? value;
      return /^[A-Za-z0-9:_.-]{1,64}$/u.test(id) ? id : undefined;
    }
    case "text":
      return value.length <= OPTION_CHARS_MAX ? value : undefined;
  }
}

function describeKind(option: CommandOption): string {
  switch (option.kind) {
    case "number":
      return option.min === undefined || option.max === undefined
        ? "a whole number"
        : `a whole number from ${option.min} to ${option.max}`;
    case "choice":
      return `one of ${(option.choices ?? []).map((choice) => choice.value).join(", ")}`;
    case "channel":
      return "a channel";
    case "text":
      return `at most ${OPTION_CHARS_MAX} characters long`;
  }
}

function describeRange({ kind, min, max, choices }: CommandOption): string {
  if (kind === "number" && min !== undefined && max !== undefined) return ` ${min}-${max}`;
  return kind === "choice" ? `: ${(choices ?? []).map((choice) => choice.value).join("|")}` : "";
}

function shorten(text: string): string {
  const letters = Array.from(text);
  return letters.length <= 40 ? text : `${letters.slice(0, 40).join("")}…`;
}
