import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { describeUsage } from "#bots/command-text.ts";
import { callbackIdOf, isOnSlack, slashNameOf } from "#bots/slack/command-names.ts";
import { BOT_EVENTS, BOT_SCOPES } from "#bots/slack/manifest-needs.ts";
import { openCommandWorld } from "../command-world.ts";

const manifest = z
  .object({
    features: z.object({
      agent_view: z.object({ agent_description: z.string().min(1).max(300) }),
      bot_user: z.object({ display_name: z.string().regex(/^[a-z0-9._-]{1,80}$/) }),
      shortcuts: z
        .array(
          z.strictObject({
            name: z.string().min(1).max(24),
            type: z.literal("message"),
            callback_id: z.string().max(255),
            description: z.string().min(1).max(150),
          }),
        )
        .max(10),
      slash_commands: z
        .array(
          z.strictObject({
            command: z.string().regex(/^\/[a-z0-9_-]{1,31}$/),
            description: z.string().min(1).max(2000),
            usage_hint: z.string().max(1000).optional(),
            should_escape: z.literal(true),
          }),
        )
        .max(50),
    }),
    oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }),
    settings: z.object({
      event_subscriptions: z.object({ bot_events: z.array(z.string()).max(100) }),
      interactivity: z.object({ is_enabled: z.literal(true) }),
      socket_mode_enabled: z.literal(true),
    }),
  })
  .parse(parse(readFileSync(new URL("../../../../config/slack-manifest.yaml", import.meta.url), "utf8")));

test("slack-manifest.yaml asks for the scopes that the calls need, and no more", () => {
  expect(manifest.oauth_config.scopes.bot.toSorted()).toEqual([...BOT_SCOPES].toSorted());
});

test("slack-manifest.yaml subscribes to the events that are listened to", () => {
  expect(manifest.settings.event_subscriptions.bot_events.toSorted()).toEqual([...BOT_EVENTS].toSorted());
});

test("every event that a listener is registered for is subscribed to, or belongs to the older assistant view", () => {
  const source = readFileSync(new URL("../../../../src/bots/slack/listen.ts", import.meta.url), "utf8");
  const listened = [...source.matchAll(/app\.event\("([a-z_]+)"/g)].map(([, name]) => name ?? "");
  const subscribed = new Set(BOT_EVENTS.map((name) => name.replace(/\..*/, "")));

  expect(listened.length).toBeGreaterThan(8);
  expect(listened.filter((name) => !subscribed.has(name))).toEqual(["assistant_thread_started"]);
});

test("slack-manifest.yaml has every command that Slack lets an app have, as the commands describe themselves", async () => {
  const { commands } = await openCommandWorld();
  const expected = commands.filter(isOnSlack).flatMap((command) => {
    const name = slashNameOf(command);
    if (name === undefined) return [];
    const hint = describeUsage(command).replaceAll("`", "").split(" ").slice(1).join(" ");
    const about = { description: command.description, should_escape: true };
    return [{ command: `/${name}`, ...about, ...(hint === "" ? {} : { usage_hint: hint }) }];
  });

  expect(manifest.features.slash_commands.filter(({ command }) => command !== "/reactune")).toEqual(expected);
  expect(manifest.features.slash_commands.map(({ command }) => command)).toContain("/reactune");
  for (const builtIn of ["/status", "/help", "/remind", "/who"]) {
    expect(manifest.features.slash_commands.map(({ command }) => command)).not.toContain(builtIn);
  }
});

test("slack-manifest.yaml has every entry of a message's menu", async () => {
  const { commands } = await openCommandWorld();
  const wanted = commands
    .filter((command) => command.messageLabel !== undefined && isOnSlack(command))
    .map(callbackIdOf);

  expect(manifest.features.shortcuts.map(({ callback_id }) => callback_id)).toEqual(wanted);
});

test.each(["docs/slack.md", "src/commands/setup.ts"])("%s invites the bot by the name of the manifest", (path) => {
  const text = readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");
  const names = [...text.matchAll(/\/invite @([\w.-]+)/g)].map(([, name]) => name);

  expect(new Set(names)).toEqual(new Set([manifest.features.bot_user.display_name]));
});
