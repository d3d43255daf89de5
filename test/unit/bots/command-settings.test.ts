import { expect, test } from "vitest";
import { ADMIN, openCommandWorld, PLACE } from "./command-world.ts";

async function openSettings() {
  const world = await openCommandWorld();
  return { ...world, admin: (line: string, given = {}) => world.say(line, { ...ADMIN, ...given }) };
}

test("/settings set holds at once in the workspace, and is audited with before and after", async () => {
  const { admin, settings, audit } = await openSettings();

  expect((await admin("/settings set assistant.systemPrompt Be brief, and kind")).text).toContain(
    '`assistant.systemPrompt` is now `"Be brief, and kind"` in this workspace',
  );
  expect(settings.of(PLACE).systemPrompt).toBe("Be brief, and kind");
  expect(settings.of({ ...PLACE, workspaceId: "discord:2" }).systemPrompt).not.toBe("Be brief, and kind");
  await admin("/settings set ASSISTANT.systemprompt Be long");

  const what = "setting.changed assistant.systemPrompt";
  expect(await audit()).toMatchObject([
    { who: "boss", what, before: '"Be brief, and kind"', after: '"Be long"', workspaceId: "discord:1" },
    { who: "boss", what, before: "(configuration)", after: '"Be brief, and kind"' },
  ]);
});

test("/settings set with a channel holds there alone, over the workspace's", async () => {
  const { admin, settings } = await openSettings();

  await admin("/settings set <#c9|room> chat.mention not-required");

  expect(settings.of({ ...PLACE, channelId: "c9" }).mention).toBe("not-required");
  expect(settings.of(PLACE).mention).toBe("required");
});

test("/settings set refuses a channel where a setting cannot differ by channel", async () => {
  const { admin, store } = await openSettings();

  expect((await admin("/settings set <#c9> privacy.retentionDays 30")).text).toContain("holds for the whole workspace");
  expect(await store.settings.listSettings()).toEqual([]);
});

test.each([
  ["/settings set chat.allowedChannels <#C1|general> <#C2|help>", "chat.allowedChannels", '["C1","C2"]'],
  ["/settings set chat.allowedChannels value:C1,C2", "chat.allowedChannels", '["C1","C2"]'],
  ["/settings set chat.adminChannel <#C7>", "chat.adminChannel", '"C7"'],
  ["/settings set chat.adminRoles <@&42>, <!subteam^S1|@mods>", "chat.adminRoles", '["42","S1"]'],
])("%s takes channels and roles as people name them", async (line, key, value) => {
  const { admin, store } = await openSettings();

  await admin(line);

  expect(await store.settings.listSettings()).toMatchObject([{ key, value, workspaceId: "discord:1" }]);
  expect((await store.settings.listSettings())[0]?.channelId).toBeUndefined();
});

test.each([
  ["/settings set conversation.overlap sometimes", "one of queue, join, replace"],
  ["/settings set conversation.messagesPerMinuteMax 0", "a whole number from 1 to 1000"],
  ["/settings set trainer.rank 8", 'Cannot change setting "trainer.rank": there is none of this name'],
  ["/settings set __proto__ 8", "there is none of this name"],
  ["/settings set chat.mention", "What shall it be? Give one of required, not-required."],
  ["/settings set", "Which one?"],
])("%s says what is wrong and changes nothing", async (line, words) => {
  const { admin, store, audit } = await openSettings();

  expect((await admin(line)).text).toContain(words);

  expect(await store.settings.listSettings()).toEqual([]);
  expect(await audit()).toEqual([]);
});

test("/settings reset goes back to what holds without it, and is audited", async () => {
  const { admin, settings, audit } = await openSettings();
  await admin("/settings set moderation.isPaused true");

  expect((await admin("/settings reset moderation.isPaused")).text).toContain("is back to what holds without it");
  expect(settings.of(PLACE).isPaused).toBe(false);
  expect((await admin("/settings reset moderation.isPaused")).text).toContain("nothing to reset");

  expect((await audit())[0]).toMatchObject({ what: "setting.reset moderation.isPaused", before: "true" });
  expect(await audit()).toHaveLength(2);
});

test("/settings shows what holds, marks what was changed, and nothing of another workspace", async () => {
  const { admin } = await openSettings();
  await admin("/settings set conversation.overlap join");
  await admin("/settings set <#c9> conversation.overlap replace");
  await admin("/settings set assistant.systemPrompt Their secret prompt", { workspaceId: "discord:2" });

  const { text } = await admin("/settings");
  const one = (await admin("/settings show conversation.overlap")).text;

  expect(text).toContain('- `conversation.overlap` `"join"` ✏️, differs in 1 channel');
  expect(text).toContain("- `privacy.retentionDays` `365`");
  expect(text).not.toContain("secret");
  expect(one).toContain('- Workspace: `"join"`, set by `boss`');
  expect(one).toContain('- In channel `c9`: `"replace"`');
  expect(one).toContain('- Configuration: `"queue"`');
});

test("complete() suggests keys by any part of their name", async () => {
  const { runner, callOf } = await openSettings();

  const choices = await runner.complete(callOf("settings", ADMIN), "key", "PROMPT");

  expect(choices).toEqual([
    { name: expect.stringContaining("assistant.systemPrompt: "), value: "assistant.systemPrompt" },
  ]);
});
