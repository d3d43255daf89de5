import type { ChatCommand, CommandCall, CommandChoice, CommandOption } from "./chat-command.ts";
import type { CommandRunner } from "./run-command.ts";

export interface CompletionParts {
  readonly commands: readonly ChatCommand[];
  readonly runner: Pick<CommandRunner, "complete">;
  readonly callOf: (command: string, options: ReadonlyMap<string, string>) => CommandCall;
}

/** What a line that is being typed can become. */
export interface LineChoice {
  /** The whole line, ready to go on with. */
  readonly line: string;
  /** What is offered: a command with its slash, or a value. */
  readonly label: string;
  /** What it means, where the label does not say it. */
  readonly about: string;
}

/** For platforms where commands are typed as text: commands first, then what their options take. */
export async function completeLine(parts: CompletionParts, line: string): Promise<readonly LineChoice[]> {
  if (!line.startsWith("/")) return [];
  const words = line.slice(1).split(/\s+/u);
  const [name = "", ...given] = words;
  if (given.length === 0) {
    return parts.commands
      .filter((command) => command.name.startsWith(name))
      .map((command) => ({ line: `/${command.name} `, label: `/${command.name}`, about: command.description }));
  }
  const command = parts.commands.find((known) => known.name === name);
  const option = command?.options[given.length - 1];
  if (command === undefined || option === undefined) return [];
  const typed = given.at(-1) ?? "";
  const before = line.slice(0, line.length - typed.length);
  const choices = await suggest(parts, command, option, given);
  return choices
    .filter(({ value }) => value.startsWith(typed))
    .map(({ name: label, value }) => ({
      line: `${before}${value} `,
      label: value,
      about: label === value ? "" : label,
    }));
}

/** More numbers than that are quicker typed than chosen. */
const NUMBERS_MAX = 10;

async function suggest(
  { runner, callOf }: CompletionParts,
  command: ChatCommand,
  option: CommandOption,
  given: readonly string[],
): Promise<readonly CommandChoice[]> {
  if (option.choices !== undefined) return option.choices;
  const { kind, min, max } = option;
  if (kind === "number" && min !== undefined && max !== undefined && max - min < NUMBERS_MAX) {
    return Array.from({ length: max - min + 1 }, (_, index) => toChoice(String(min + index)));
  }
  if (option.isCompleted !== true) return [];
  const options = new Map(given.slice(0, -1).flatMap((word, at) => namedBy(command.options[at], word)));
  return await runner.complete(callOf(command.name, options), option.name, given.at(-1) ?? "");
}

function toChoice(value: string): CommandChoice {
  return { name: value, value };
}

function namedBy(option: CommandOption | undefined, word: string): readonly (readonly [string, string])[] {
  return option === undefined ? [] : [[option.name, word]];
}
