import { expect, test } from "vitest";
import { completeLine } from "#commands/complete-line.ts";
import { ADMIN, openCommandWorld } from "../bots/command-world.ts";

async function openCompletion() {
  const { commands, runner, callOf } = await openCommandWorld();
  const parts = {
    commands,
    runner,
    callOf: (command: string, options: ReadonlyMap<string, string>) => callOf(command, { ...ADMIN, options }),
  };
  return (line: string) => completeLine(parts, line);
}

test.each([
  ["/re", ["/regenerate ", "/report "]],
  ["/privacy opt", ["/privacy opt-in ", "/privacy opt-out "]],
  ["/train s", ["/train support "]],
  ["/train support ch", ["/train support check "]],
  ["/settings set conversation.over", ["/settings set conversation.overlap "]],
  ["/settings set conversation.overlap jo", []],
  ["/new now", []],
  ["/dance w", []],
  ["What is", []],
])("completeLine() goes on with %s", async (line, lines) => {
  const complete = await openCompletion();

  expect(await complete(line)).toEqual(lines);
});
