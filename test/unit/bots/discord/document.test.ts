import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayIntentBits } from "discord.js";
import { expect, onTestFinished, test } from "vitest";
import { createClient } from "#bots/discord/open-client.ts";
import { DISCORD_PERMISSIONS } from "#commands/invite.ts";
import { programDirectory } from "#config/load.ts";
import { runtimeSettings } from "#config/runtime-settings.ts";
import { settingKeys } from "#config/settings.ts";
import { openCommandWorld } from "../command-world.ts";

const PAGE = readFileSync(join(programDirectory, "docs", "discord.md"), "utf8");

test("docs/discord.md names every command and entry of the menu, and none that is not there", async () => {
  const { commands } = await openCommandWorld();
  const named = [...PAGE.matchAll(/`\/([a-z]+)/g)].map(([, name]) => name);
  const pages = ["setup", "metrics"];

  expect([...new Set(named)].filter((name) => !pages.includes(name ?? "")).toSorted()).toEqual(
    commands.map(({ name }) => name).toSorted(),
  );
  const words = PAGE.replace(/\s+/g, " ");
  for (const { messageLabel } of commands) if (messageLabel !== undefined) expect(words).toContain(`*${messageLabel}*`);
});

test("docs/discord.md names the intents that the client asks for", () => {
  const client = createClient(undefined, { perSecondMax: 50, perSecond: () => 50 });
  onTestFinished(() => client.destroy());
  const section = PAGE.slice(PAGE.indexOf("## What it listens to"), PAGE.indexOf("## Where it answers"));
  const named = Object.keys(GatewayIntentBits).filter((name) => new RegExp(`\\b${name}\\b`).test(section));

  expect(named.toSorted()).toEqual(client.options.intents.toArray().toSorted());
});

test("docs/discord.md names the permissions of the invite link", () => {
  const rows = [...PAGE.matchAll(/^\| ([A-Z][A-Za-z ]+) \| to /gm)].map(([, name]) => name);

  expect([...rows, "Attach Files"].toSorted()).toEqual(DISCORD_PERMISSIONS.map(({ name }) => name).toSorted());
});

test("docs/discord.md names settings that exist", () => {
  const sections = new Set(settingKeys.map((key) => key.split(".")[0]));
  const known = new Set([...settingKeys, ...runtimeSettings.map(({ key }) => key)]);
  const named = [...PAGE.matchAll(/`([a-z]+\.[a-zA-Z]+)(?::[^`]*)?`/g)].map(([, key]) => key ?? "");
  const settings = named.filter((key) => sections.has(key.split(".")[0] ?? "") && key !== "discord.away");

  expect(settings.length).toBeGreaterThan(10);
  expect(settings.filter((key) => !known.has(key))).toEqual([]);
});
