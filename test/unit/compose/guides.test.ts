import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeUsage } from "#bots/command-text.ts";
import { isOnSlack, slashNameOf } from "#bots/slack/command-names.ts";
import { BOT_SCOPES } from "#bots/slack/manifest-needs.ts";
import { settingRules } from "#compose/place-settings.ts";
import { programDirectory } from "#config/load.ts";
import { openCommandWorld } from "../bots/command-world.ts";

/** Rows of the table under a heading, without its head. */
function rowsUnder(path: string, heading: string): readonly string[] {
  const section =
    readFileSync(`${programDirectory}/${path}`, "utf8").split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return section.split("\n").filter((line) => line.startsWith("| `"));
}

test("docs/slack.md lists every command as it is typed there, for whom it is and what it does", async () => {
  const { commands } = await openCommandWorld();
  const expected = commands.filter(isOnSlack).map((command) => {
    const prefix = slashNameOf(command) === undefined ? "/reactune " : "/";
    const usage = describeUsage(command, prefix).replaceAll("|", "\\|");
    return `| ${usage} | ${command.access === "admin" ? "admins" : "everyone"} | ${command.description} |`;
  });

  expect(rowsUnder("docs/slack.md", "Commands")).toEqual(expected);
});

test("docs/slack.md says what each scope is for", () => {
  const listed = rowsUnder("docs/slack.md", "Scopes").map((row) => /`([^`]+)`/.exec(row)?.[1]);

  expect(listed).toEqual([...BOT_SCOPES].toSorted());
});

test("docs/operating.md lists every setting that changes while the program runs", () => {
  const expected = settingRules.keys.map(({ key, description, expected: accepts, perChannel }) => {
    const cells = [`\`${key}\``, description, accepts, perChannel ? "yes" : "no"];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });

  expect(rowsUnder("docs/operating.md", "Settings that change while it runs")).toEqual(expected);
});
