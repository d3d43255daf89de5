import { expect, test, vi } from "vitest";
import { ANA, openDiscordBot, openStartedBot } from "../../../fixtures/discord/discord-bot.ts";

test("post() says what to do when the token was revoked, each time, and writes again when it is taken again", async () => {
  let nowMs = Date.now();
  const bot = await openStartedBot({ now: () => nowMs });
  bot.double.access.isRevoked = true;

  for (const _ of [1, 2]) {
    await expect(bot.connector.post(bot.part())).rejects.toMatchObject({
      reason: "credentials",
      hint: expect.stringContaining("reactune setup"),
    });
  }
  expect(bot.connector.isConnected?.()).toBe(false);
  expect(bot.lines.filter(({ event }) => event === "discord.token-refused")).toMatchObject([
    { level: "error", fields: { reason: expect.stringContaining("reactune setup") } },
  ]);

  bot.double.access.isRevoked = false;
  await bot.connector.post(bot.part());
  nowMs += 60_000;
  expect(bot.connector.isConnected?.()).toBe(true);
});

test.each([
  [4004, "reactune setup"],
  [4014, "Message Content Intent"],
  [4011, "--shards auto"],
])("a connection that Discord ends for good with %i says in the log what to do", async (code, remedy) => {
  const bot = await openStartedBot();

  bot.double.gateway.end(code);

  await vi.waitFor(() =>
    expect(bot.lines.filter(({ event }) => event === "discord.disconnected")).toMatchObject([
      { level: "error", fields: { code, reason: expect.stringContaining(remedy) } },
    ]),
  );
  expect(bot.connector.isConnected?.()).toBe(false);
});

test("edit(), remove() and offerEmoji() wake a thread that was archived meanwhile", async () => {
  const bot = await openStartedBot();
  const thread = bot.double.world.addThread(bot.channel, bot.double.world.newId(), { ownerId: ANA });
  const part = bot.part({ threadId: thread.id });
  const posted = await bot.connector.post({ ...part, text: "Hel", isFinal: false });
  const metadata = "thread_metadata" in thread ? thread.thread_metadata : undefined;
  const archive = () => Object.assign(metadata ?? {}, { archived: true });

  archive();
  await bot.connector.edit(posted, part);
  expect(bot.double.world.findMessage(thread.id, posted.messageId)?.content).toBe("Hello");
  archive();
  await bot.connector.offerEmoji({ ...part, ...posted }, ["🙂"]);
  expect([...(bot.double.world.findMessage(thread.id, posted.messageId)?.pressed.keys() ?? [])]).toEqual(["🙂"]);
  archive();
  await bot.connector.remove({ ...part, ...posted });
  expect(bot.double.world.findMessage(thread.id, posted.messageId)).toBeUndefined();
});

test("edit() and post() in a locked thread reject as a matter of permission", async () => {
  const bot = await openStartedBot();
  const thread = bot.double.world.addThread(bot.channel, bot.double.world.newId(), { ownerId: ANA });
  const part = bot.part({ threadId: thread.id });
  const posted = await bot.connector.post(part);
  Object.assign("thread_metadata" in thread ? (thread.thread_metadata ?? {}) : {}, { archived: true, locked: true });
  const refusal = { reason: "permission", hint: expect.stringContaining("locked") };

  await expect(bot.connector.edit(posted, part)).rejects.toMatchObject(refusal);
  await expect(bot.connector.post({ ...part, turnId: "turn-2" })).rejects.toMatchObject(refusal);
});

test.each([
  ["the channel has as many threads as it may", { status: 400, code: 160_006, message: "Max active threads" }],
  ["the right to open threads was taken away", { status: 403, code: 50_013, message: "Missing Permissions" }],
])("post() answers in the channel when %s", async (_why, refusal) => {
  const bot = await openStartedBot({ settings: { openThreads: true } });
  const question = bot.double.people.say(bot.channel, ANA, "why?", { mentionsBot: true });
  await vi.waitFor(() => expect(bot.got.messages[0]?.threadId).toBe(question.id));
  bot.double.nextRefusals.push({ method: "POST", path: /\/threads$/, ...refusal });
  const part = bot.part({ threadId: question.id, inReplyTo: question.id });

  const posted = await bot.connector.post({ ...part, text: "Hel", isFinal: false });
  await bot.connector.edit(posted, part);

  const reply = bot.double.world.findMessage(bot.channel.id, posted.messageId);
  expect(reply).toMatchObject({ content: "Hello", message_reference: { message_id: question.id } });
  await bot.connector.remove({ ...part, ...posted });
  expect(bot.double.world.findMessage(bot.channel.id, posted.messageId)).toBeUndefined();
});

test("post() opens the thread under a plain name when a rule of the server refuses its title", async () => {
  const bot = await openStartedBot({ settings: { openThreads: true } });
  const question = bot.double.people.say(bot.channel, ANA, "a bad word", { mentionsBot: true });
  await vi.waitFor(() => expect(bot.got.messages[0]?.threadId).toBe(question.id));
  const refusal = { status: 400, code: 200_001, message: "Title was blocked by automatic moderation" };
  bot.double.nextRefusals.push({ method: "POST", path: /\/threads$/, ...refusal });

  const posted = await bot.connector.post(bot.part({ threadId: question.id, inReplyTo: question.id }));

  expect(bot.double.world.findMessage(question.id, posted.messageId)?.content).toBe("Hello");
  expect(bot.double.world.channels.get(question.id)).toMatchObject({ name: "Answer" });
});

test("offerEmoji() leaves an emoji out that the bot may not use, and offers the others", async () => {
  const bot = await openStartedBot();
  const { messageId } = await bot.connector.post(bot.part());
  const refusal = { status: 400, code: 10_014, message: "Unknown Emoji" };
  bot.double.nextRefusals.push({ method: "PUT", path: /gone/, ...refusal });

  await bot.connector.offerEmoji({ ...bot.part(), messageId }, ["😞", "gone:123", "😍"]);

  expect([...(bot.double.world.findMessage(bot.channel.id, messageId)?.pressed.keys() ?? [])]).toEqual(["😞", "😍"]);
});

test("start() says to use shards when Discord wants them", async () => {
  const bot = await openDiscordBot({ prepare: ({ gateway }) => Object.assign(gateway, { refusesWith: 4011 }) });

  await expect(bot.start()).rejects.toMatchObject({ hint: expect.stringContaining("--shards auto") });
});

test.each([
  ["is gone", { status: 404, code: 10_003, message: "Unknown Channel" }],
  ["is closed to the bot", { status: 403, code: 50_001, message: "Missing Access" }],
])("tell() reaches an admin alone when the channel that they chose %s", async (_why, refusal) => {
  const bot = await openStartedBot();
  const admins = bot.double.world.addChannel(bot.guild, { isPrivate: true });
  admins.refusal = refusal;
  bot.state.settings = { ...bot.state.settings, adminChannel: admins.id };

  await bot.connector.tell({ workspaceId: bot.workspaceId, text: "reported" });

  const direct = bot.double.world.directChannel(bot.guild.ownerId).id;
  expect([...(bot.double.world.messages.get(direct)?.values() ?? [])].map(({ content }) => content)).toEqual([
    "reported",
  ]);
});

test("a deleted channel takes its private threads along, which are places of their own", async () => {
  const bot = await openDiscordBot();
  const parent = bot.double.world.addChannel(bot.guild);
  const thread = bot.double.world.addThread(parent, bot.double.world.newId(), { ownerId: ANA, isPrivate: true });
  await bot.start();

  bot.double.gateway.dispatch("CHANNEL_DELETE", parent, bot.guild.id);

  const { workspaceId } = bot;
  await vi.waitFor(() =>
    expect(bot.got.places.filter(({ kind }) => kind === "channel-deleted")).toEqual([
      { kind: "channel-deleted", workspaceId, channelId: parent.id },
      { kind: "channel-deleted", workspaceId, channelId: thread.id },
    ]),
  );
});

test("a server that removed the bot while no session was open is told as left when there is one again", {
  timeout: 20_000,
}, async () => {
  const bot = await openDiscordBot();
  const other = bot.double.world.addGuild();
  await bot.start();
  bot.double.world.guilds.delete(other.id);

  bot.double.gateway.invalidate(false);

  await vi.waitFor(
    () =>
      expect(bot.got.places.filter(({ kind }) => kind === "left")).toEqual([
        { kind: "left", workspaceId: `discord:${other.id}` },
      ]),
    15_000,
  );
  expect(bot.double.gateway.counts.identified).toBe(2);
});

test("a server that is out of order is not told as left, also when a session begins meanwhile", {
  timeout: 20_000,
}, async () => {
  const bot = await openStartedBot();
  const { id } = bot.guild;
  bot.double.gateway.dispatch("GUILD_DELETE", { id, unavailable: true }, id);

  bot.double.gateway.invalidate(false);
  await vi.waitFor(() => expect(bot.double.gateway.counts.identified).toBe(2), 15_000);
  const said = bot.double.people.say(bot.channel, ANA, "back?", { mentionsBot: true });

  await vi.waitFor(() => expect(bot.got.messages.map(({ messageId }) => messageId)).toContain(said.id), 5000);
  expect(bot.got.places.filter(({ kind }) => kind === "left")).toEqual([]);
});
