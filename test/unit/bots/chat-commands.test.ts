import { expect, test } from "vitest";
import { openCommandWorld } from "./command-world.ts";

test("createChatCommands() offers what issue and use cases give, everyone's before the admins'", async () => {
  const { commands } = await openCommandWorld();

  expect(commands.filter(({ access }) => access === "everyone").map(({ name }) => name)).toEqual([
    "ask",
    "new",
    "rate",
    "teach",
    "agree",
    "why",
    "regenerate",
    "report",
    "privacy",
    "help",
  ]);
  expect(commands.filter(({ access }) => access === "admin").map(({ name }) => name)).toEqual([
    "status",
    "train",
    "adapters",
    "rollback",
    "models",
    "learning",
    "settings",
    "moderation",
  ]);
});

test("createChatCommands() keeps to what the platforms take", async () => {
  const { commands } = await openCommandWorld();
  const labels = commands.flatMap(({ messageLabel }) => messageLabel ?? []);

  for (const { name, description, options } of commands) {
    expect(name).toMatch(/^[a-z]{1,32}$/u);
    expect(description.length).toBeLessThanOrEqual(100);
    const isRequired = options.map((option) => option.isRequired);
    expect(isRequired.toSorted((a, b) => Number(b) - Number(a))).toEqual(isRequired);
    for (const option of options) {
      expect(option.name).toMatch(/^[a-z]{1,32}$/u);
      expect(option.description.length).toBeLessThanOrEqual(100);
      expect(option.choices?.length ?? 0).toBeLessThanOrEqual(25);
      for (const choice of option.choices ?? []) expect(choice.name.length).toBeLessThanOrEqual(100);
      if (option.kind === "choice") expect(option.choices).not.toHaveLength(0);
    }
  }
  expect(labels).toContain("Rate this reply");
  expect(labels).toContain("Teach a better answer");
  // Discord takes five entries of an app in the menu of a message.
  expect(new Set(labels).size).toBeLessThanOrEqual(5);
  for (const label of labels) expect(label.length).toBeLessThanOrEqual(32);
});

test("complete() is there for every option that asks for it", async () => {
  const { commands } = await openCommandWorld();

  for (const { options, complete } of commands) {
    expect(options.some(({ isCompleted }) => isCompleted === true)).toBe(complete !== undefined);
  }
});
