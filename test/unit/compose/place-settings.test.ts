import { expect, test } from "vitest";
import { placeSettingsOf, settingRules } from "#compose/place-settings.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";

const config = loadConfig({ ...readSystem(), argvSettings: [], environment: {}, workingDirectory: "/nowhere" });
const DISCORD = { platform: "discord", workspaceId: "discord:1", channelId: "c" } as const;

test("placeSettingsOf() gives what the configuration says when nothing was changed", () => {
  const settings = placeSettingsOf(config, DISCORD, new Map());

  expect(settings).toMatchObject({ mention: "required", overlap: "queue", offerEmoji: true, retentionDays: 365 });
  expect(placeSettingsOf(config, { ...DISCORD, platform: "slack" }, new Map()).offerEmoji).toBe(false);
  expect(settings.emoji.get("😍")).toBe(5);
});

test("placeSettingsOf() takes a stored value over the configuration, and adds its emoji", () => {
  const overrides = new Map([
    ["chat.mention", '"not-required"'],
    ["feedback.emoji", '{"🎉":5}'],
    ["moderation.isPaused", "true"],
  ]);

  const settings = placeSettingsOf(config, DISCORD, overrides);

  expect(settings).toMatchObject({ mention: "not-required", isPaused: true });
  expect([settings.emoji.get("🎉"), settings.emoji.get("😞")]).toEqual([5, 1]);
});

test("placeSettingsOf() counts a stored value that does not fit as not set", () => {
  const overrides = new Map([
    ["chat.mention", '"sometimes"'],
    ["conversation.overlap", "broken"],
    ["trainer.rank", "4"],
  ]);

  expect(placeSettingsOf(config, DISCORD, overrides)).toMatchObject({ mention: "required", overlap: "queue" });
});

test.each([
  ["chat.mention", "Not-Required", '"not-required"'],
  ["moderation.blockedWords", "darn, heck", '["darn","heck"]'],
  ["conversation.messagesPerMinuteMax", "7", "7"],
  ["chat.openThreads", "yes", "true"],
  ["feedback.emoji", "🎉=5, :shrug:=3", '{"🎉":5,"shrug":3}'],
  ["feedback.emoji", "<:party:700000000000000009>=5, <a:sad:7>=1", '{"party:700000000000000009":5,"sad:7":1}'],
])("settingRules.check() reads %s from what a person types", (key, text, value) => {
  expect(settingRules.check(key, text)).toEqual({ value });
});

test.each([
  ["conversation.overlap", "sometimes", "one of queue, join, replace"],
  ["conversation.messagesPerMinuteMax", "0", "a whole number from 1 to 1000"],
  ["feedback.emoji", "🎉=9", "pairs of an emoji and a score"],
  ["trainer.rank", "4", "cannot be changed while the program runs"],
])("settingRules.check() says what %s accepts when it is given something else", (key, text, problem) => {
  expect(settingRules.check(key, text)).toEqual({ problem: expect.stringContaining(problem) });
});
