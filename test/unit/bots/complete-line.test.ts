import { expect, test } from "vitest";
import { completeLine } from "#bots/complete-line.ts";
import { ADMIN, openCommandWorld } from "./command-world.ts";

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
  ["/rate ", ["/rate 1 ", "/rate 2 ", "/rate 3 ", "/rate 4 ", "/rate 5 "]],
  ["/new now", []],
  ["/dance w", []],
  ["What is", []],
])("completeLine() goes on with %s", async (line, lines) => {
  const complete = await openCompletion();

  expect((await complete(line)).map((choice) => choice.line)).toEqual(lines);
});

test("completeLine() says what each choice is", async () => {
  const complete = await openCompletion();

  expect(await complete("/hel")).toEqual([{ line: "/help ", label: "/help", about: "What I can do, and how" }]);
  expect(await complete("/train support c")).toEqual([{ line: "/train support check ", label: "check", about: "" }]);
});
