import { expect, test, vi } from "vitest";
import { ANA, openDiscordBot, openStartedBot } from "../../../fixtures/discord/discord-bot.ts";

test("start() hands in a message that mentions the bot, without the mention", async () => {
  const { double, channel, got, workspaceId } = await openStartedBot();

  const said = double.people.say(channel, ANA, "what is  up?", { mentionsBot: true });

  await vi.waitFor(() => expect(got.messages).toHaveLength(1));
  expect(got.messages[0]).toEqual({
    eventId: `discord:${said.id}`,
    platform: "discord",
    workspaceId,
    channelId: channel.id,
    visibility: "public",
    userId: ANA,
    messageId: said.id,
    text: "what is up?",
    sentAtMs: Date.parse(said.timestamp),
  });
});

test("start() says how to let the bot read when Discord refuses the intent", async () => {
  const bot = await openDiscordBot({ double: { refusesContent: true } });

  await expect(bot.start()).rejects.toMatchObject({
    reason: "permission",
    hint: expect.stringMatching(/Message Content Intent/),
  });
});
