import { expect, test } from "vitest";
import type { ChatCommand, CommandOption } from "#bots/chat-command.ts";
import { checkOptions, describeCommands, describeUsage, parseCommandText } from "#bots/command-text.ts";

const SCORE: CommandOption = { name: "score", description: "1 to 5", kind: "number", isRequired: true, min: 1, max: 5 };
const COMMENT: CommandOption = {
  name: "comment",
  description: "Why",
  kind: "text",
  isRequired: false,
  takesRest: true,
};
const ACTION: CommandOption = {
  name: "action",
  description: "What",
  kind: "choice",
  isRequired: false,
  choices: [
    { name: "show it", value: "show" },
    { name: "set it", value: "set" },
  ],
};
const KEY: CommandOption = { name: "key", description: "Which", kind: "text", isRequired: false };
const VALUE: CommandOption = {
  name: "value",
  description: "To what",
  kind: "text",
  isRequired: false,
  takesRest: true,
};
const CHANNEL: CommandOption = { name: "channel", description: "Where", kind: "channel", isRequired: false };

function commandWith(name: string, options: readonly CommandOption[]): ChatCommand {
  return { name, description: `Does ${name}`, access: "everyone", options, run: async () => ({ text: "" }) };
}

const RATE = commandWith("rate", [SCORE, COMMENT]);
const SET = commandWith("set", [ACTION, KEY, VALUE, CHANNEL]);

function read(command: ChatCommand, text: string): unknown {
  const parsed = parseCommandText(command, text);
  return "problem" in parsed ? parsed.problem : Object.fromEntries(parsed.options);
}

test.each([
  ["5", { score: "5" }],
  [" 5   great answer ", { score: "5", comment: "great answer" }],
  ['5 "great answer"', { score: "5", comment: "great answer" }],
  ["5 “great answer”", { score: "5", comment: "great answer" }],
  ['5 "great" answer', { score: "5", comment: '"great" answer' }],
  ["5 it's fine", { score: "5", comment: "it's fine" }],
  ["comment:none 5", "score is missing: 1 to 5. Use `/rate <score 1-5> [comment…]`"],
  ["score:4 comment:not bad, really", { score: "4", comment: "not bad, really" }],
  ["5 score: is what I mean", { score: "5", comment: "score: is what I mean" }],
  ["5 line one\nline two", { score: "5", comment: "line one\nline two" }],
  ["", "score is missing: 1 to 5. Use `/rate <score 1-5> [comment…]`"],
  ["great", "score must be a whole number from 1 to 5. Use `/rate <score 1-5> [comment…]`"],
  ["6", "score must be a whole number from 1 to 5. Use `/rate <score 1-5> [comment…]`"],
  ["4.5", "score must be a whole number from 1 to 5. Use `/rate <score 1-5> [comment…]`"],
])("parseCommandText() reads a score and a comment from %j", (text, expected) => {
  expect(read(RATE, text)).toEqual(expected);
});

test.each([
  [
    "set assistant.systemPrompt Be kind and brief",
    { action: "set", key: "assistant.systemPrompt", value: "Be kind and brief" },
  ],
  ["SET k v", { action: "set", key: "k", value: "v" }],
  ["set <#C123|general> k v", { action: "set", channel: "C123", key: "k", value: "v" }],
  ["set k <#123> v w", { action: "set", key: "k", channel: "123", value: "v w" }],
  ["set k see <#C9|x>", { action: "set", key: "k", value: "see <#C9|x>" }],
  ["set k channel:C7 v", { action: "set", key: "k", channel: "C7", value: "v" }],
  ['set "two words" v', { action: "set", key: "two words", value: "v" }],
  ["key=k action=show", { key: "k", action: "show" }],
  ["dance", "action must be one of show, set. Use `/set [action: show|set] [key] [value…] [channel]`"],
  ["set k channel:a/b", "channel must be a channel. Use `/set [action: show|set] [key] [value…] [channel]`"],
])("parseCommandText() reads choices, channels and the rest from %j", (text, expected) => {
  expect(read(SET, text)).toEqual(expected);
});

test("parseCommandText() says what it cannot place", () => {
  expect(read(commandWith("new", []), "everything at once")).toBe('I cannot place "everything at once". Use `/new`');
});

test("parseCommandText() takes names of objects as plain words", () => {
  expect(read(SET, "set __proto__ constructor")).toEqual({ action: "set", ["key"]: "__proto__", value: "constructor" });
  expect(read(commandWith("new", []), "__proto__:1")).toBe('I cannot place "__proto__:1". Use `/new`');
});

test("checkOptions() drops what the command does not know, and what no reader can see", () => {
  const given = new Map([
    ["score", "5"],
    ["comment", "\u0000good\u202E"],
    ["admin", "yes"],
  ]);

  expect(checkOptions(RATE, given)).toEqual({
    options: new Map([
      ["score", "5"],
      ["comment", "good"],
    ]),
  });
});

test("checkOptions() refuses a text that is too long", () => {
  const given = new Map([
    ["score", "5"],
    ["comment", "x".repeat(6001)],
  ]);

  expect(checkOptions(RATE, given)).toEqual({ problem: expect.stringContaining("at most 6000 characters") });
});

test("checkOptions() takes a choice by the name that was shown", () => {
  expect(checkOptions(SET, new Map([["action", "Set it"]]))).toEqual({ options: new Map([["action", "set"]]) });
});

test("describeUsage() tells what must and what may be given", () => {
  expect(describeUsage(RATE)).toBe("`/rate <score 1-5> [comment…]`");
  expect(describeUsage(RATE, "/reactune ")).toBe("`/reactune rate <score 1-5> [comment…]`");
});

test("describeCommands() shows commands of admins to admins only", () => {
  const commands = [RATE, { ...SET, access: "admin" as const }];

  expect(describeCommands(commands, { isAdmin: false })).not.toContain("/set");
  expect(describeCommands(commands, { isAdmin: true })).toContain("**For admins**\n- `/set ");
});
