import type { ChatCommand, CommandCall, CommandOption } from "#bots/chat-command.ts";
import type { CommandRunner } from "#bots/run-command.ts";

export interface CompletionParts {
  readonly commands: readonly ChatCommand[];
  readonly runner: CommandRunner;
  readonly callOf: (command: string, options: ReadonlyMap<string, string>) => CommandCall;
}

/** Whole lines that the one being typed can become: commands, then what their options take. */
export async function completeLine(parts: CompletionParts, line: string): Promise<readonly string[]> {
  if (!line.startsWith("/")) return [];
  const words = line.slice(1).split(/\s+/u);
  const [name = "", ...given] = words;
  if (given.length === 0) {
    return parts.commands.filter((command) => command.name.startsWith(name)).map((command) => `/${command.name} `);
  }
  const command = parts.commands.find((known) => known.name === name);
  const option = command?.options[given.length - 1];
  if (command === undefined || option === undefined) return [];
  const typed = given.at(-1) ?? "";
  const before = line.slice(0, line.length - typed.length);
  const values = await suggest(parts, command, option, given);
  return values.filter((value) => value.startsWith(typed)).map((value) => `${before}${value} `);
}

async function suggest(
  { runner, callOf }: CompletionParts,
  command: ChatCommand,
  option: CommandOption,
  given: readonly string[],
): Promise<readonly string[]> {
  if (option.choices !== undefined) return option.choices.map(({ value }) => value);
  if (option.isCompleted !== true) return [];
  const options = new Map(given.slice(0, -1).flatMap((word, at) => namedBy(command.options[at], word)));
  const choices = await runner.complete(callOf(command.name, options), option.name, given.at(-1) ?? "");
  return choices.map(({ value }) => value);
}

function namedBy(option: CommandOption | undefined, word: string): readonly (readonly [string, string])[] {
  return option === undefined ? [] : [[option.name, word]];
}
