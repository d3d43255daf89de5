import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { ANA, openDiscordBot, openStartedBot } from "../../../fixtures/discord/discord-bot.ts";
import { openDiscordDouble } from "../../../fixtures/discord/discord-double.ts";

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

test("start() waits for Discord while it is away, and says so", { timeout: 30_000 }, async () => {
  const port = await findFreePort();
  const bot = await openDiscordBot({ apiUrl: `http://127.0.0.1:${port}/api` });
  const starting = bot.start();
  await vi.waitFor(() => expect(bot.lines.map(({ event }) => event)).toContain("discord.away"), 5000);
  expect(bot.connector.isConnected?.()).toBe(false);

  const double = await openDiscordDouble({ port });
  onTestFinished(() => double.close());
  const guild = double.world.addGuild();
  const channel = double.world.addChannel(guild);
  await starting;
  double.people.say(channel, ANA, "are you back?", { mentionsBot: true });

  await vi.waitFor(() => expect(bot.got.messages.map(({ text }) => text)).toEqual(["are you back?"]), 5000);
  expect(bot.connector.isConnected?.()).toBe(true);
});

test("stop() ends the waiting for a Discord that is away", async () => {
  const bot = await openDiscordBot({ apiUrl: `http://127.0.0.1:${await findFreePort()}/api` });
  const starting = bot.start();
  const refused = expect(starting).rejects.toThrow("the program is stopping");
  await vi.waitFor(() => expect(bot.lines.map(({ event }) => event)).toContain("discord.away"), 5000);

  await bot.connector.stop();

  await refused;
});

test("isConnected() is false from a cut until the session goes on", async () => {
  const { connector, double } = await openStartedBot();
  expect(connector.isConnected?.()).toBe(true);

  double.gateway.cut();

  await vi.waitFor(() => expect(connector.isConnected?.()).toBe(false), { timeout: 5000, interval: 1 });
  await vi.waitFor(() => expect(connector.isConnected?.()).toBe(true), 10_000);
});

test("limits give a thread the budget of a channel of its own, as Discord does", async () => {
  const { connector, double, channel, part } = await openStartedBot();
  const thread = double.world.addThread(channel, double.world.newId(), { ownerId: ANA });
  const writes = Array.from({ length: connector.limits.channelPace?.writes ?? 0 }, (_, index) => index);

  await Promise.all(
    writes.flatMap((index) => [
      connector.post(part({ turnId: `channel-${index}` })),
      connector.post(part({ turnId: `thread-${index}`, threadId: thread.id })),
    ]),
  );

  expect(connector.limits.hasPacePerThread).toBe(true);
  expect(writes).toHaveLength(5);
  expect(double.counts.overLimit).toBe(0);
});

/** Of a server that has just gone: nobody answers there. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
