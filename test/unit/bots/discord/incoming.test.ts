import { expect, test, vi } from "vitest";
import type { PlatformFeedback } from "#bots/intake.ts";
import type { ReplyPart } from "#bots/platform-connector.ts";
import { ANA, BEN, openDiscordBot, openStartedBot } from "../../../fixtures/discord/discord-bot.ts";
import { BOT_ID } from "../../../fixtures/discord/double-world.ts";

const OTHER_BOT = "600000000000000001";

/** Under a question of its own where none is given. */
async function postReply(bot: Awaited<ReturnType<typeof openStartedBot>>, given: Partial<ReplyPart> = {}) {
  const asked = { author: bot.double.world.person(ANA), content: "?" };
  const inReplyTo = given.inReplyTo ?? bot.double.world.addMessage(given.channelId ?? bot.channel.id, asked).id;
  const { messageId } = await bot.connector.post(bot.part({ ...given, inReplyTo }));
  const message = bot.double.world.findMessage(bot.channel.id, messageId);
  if (message === undefined) throw new Error("The reply was not posted");
  return message;
}

test("start() hands in replies to the bot, and asks about all others without handing them in", async () => {
  const bot = await openStartedBot();
  const { double, channel, got } = bot;
  const reply = await postReply(bot);

  double.people.say(channel, ANA, "just talk");
  const question = double.people.say(channel, ANA, "and why?", { repliesTo: reply });

  await vi.waitFor(() => expect(got.messages.map(({ messageId }) => messageId)).toEqual([question.id]));
  expect(got.glances.map(({ isAddressed }) => isAddressed)).toEqual([false, true]);
});

test("start() takes a direct message as addressed, in a workspace of its own", async () => {
  const { double, got } = await openStartedBot();

  double.people.say(double.world.directChannel(ANA), ANA, "psst");

  await vi.waitFor(() => expect(got.messages).toHaveLength(1));
  expect(got.messages[0]).toMatchObject({ workspaceId: "discord:dm", visibility: "direct", text: "psst" });
});

test("start() ignores bots, webhooks and notes of Discord", async () => {
  const { double, channel, got } = await openStartedBot();

  double.people.say(channel, OTHER_BOT, "beep", { mentionsBot: true, isBot: true });
  const note = double.world.addMessage(channel.id, { author: double.world.person(ANA), type: 6, content: "pinned" });
  double.people.announce(note);
  double.people.say(channel, ANA, "hello", { mentionsBot: true });

  await vi.waitFor(() => expect(got.messages).toHaveLength(1));
  expect(got.glances).toHaveLength(1);
});

test("start() tells private channels from public ones, and a private thread from its channel", async () => {
  const bot = await openDiscordBot();
  const { double, guild, channel, got } = bot;
  const secret = double.world.addChannel(guild, { isPrivate: true });
  const thread = double.world.addThread(channel, double.world.newId(), { ownerId: BOT_ID });
  const closed = double.world.addThread(channel, double.world.newId(), { ownerId: BOT_ID, isPrivate: true });
  await bot.start();

  double.people.say(secret, ANA, "one", { mentionsBot: true });
  double.people.say(thread, ANA, "two");
  double.people.say(closed, ANA, "three", { mentionsBot: true });

  await vi.waitFor(() => expect(got.messages).toHaveLength(3));
  expect(got.messages.map(({ channelId, threadId, visibility }) => ({ channelId, threadId, visibility }))).toEqual([
    { channelId: secret.id, threadId: undefined, visibility: "private" },
    { channelId: channel.id, threadId: thread.id, visibility: "public" },
    { channelId: closed.id, threadId: undefined, visibility: "private" },
  ]);
});

test("start() shows names where people wrote mentions", async () => {
  const { double, channel, got } = await openStartedBot();
  const ben = double.world.person(BEN);

  double.people.say(channel, ANA, `ask <@${BEN}> in <#${channel.id}> <:wave:700000000000000009>`, {
    mentionsBot: true,
    mentions: [ben],
  });

  await vi.waitFor(() => expect(got.messages).toHaveLength(1));
  expect(got.messages[0]?.text).toBe(`ask @${ben.global_name} in #${"name" in channel ? channel.name : ""} :wave:`);
});

test("readAttachment() reads a file of a message, and refuses one that is too large or lies elsewhere", async () => {
  const { double, channel, got, connector, workspaceId } = await openStartedBot();
  const bytes = new TextEncoder().encode("a,b\n1,2\n");

  double.people.say(channel, ANA, "read", {
    mentionsBot: true,
    attachments: [{ name: "table.csv", mediaType: "text/csv", bytes }],
  });

  await vi.waitFor(() => expect(got.messages).toHaveLength(1));
  const [attachment] = got.messages[0]?.attachments ?? [];
  if (attachment === undefined) throw new Error("No attachment came");
  expect(attachment).toMatchObject({ name: "table.csv", mediaType: "text/csv", bytes: 8 });
  const { signal } = new AbortController();
  expect(await connector.readAttachment(attachment, workspaceId, 100, signal)).toEqual(Buffer.from(bytes));
  await expect(connector.readAttachment(attachment, workspaceId, 7, signal)).rejects.toMatchObject({
    reason: "invalid",
  });
  const elsewhere = { ...attachment, url: "http://127.0.0.1:1/secret" };
  await expect(connector.readAttachment(elsewhere, workspaceId, 100, signal)).rejects.toMatchObject({
    reason: "invalid",
  });
});

test("readAttachment() asks for a fresh address when the old one has expired", async () => {
  const { double, connector, workspaceId } = await openStartedBot();
  double.world.files.set("5", { bytes: new Uint8Array([1, 2]), mediaType: "text/plain" });
  const attachment = { id: "5", name: "a.txt", mediaType: "text/plain", bytes: 2, url: `${double.url}/cdn/expired/5` };

  const read = await connector.readAttachment(attachment, workspaceId, 10, new AbortController().signal);

  expect([...read]).toEqual([1, 2]);
});

test("start() hands in the files that still hang on a question whose words were edited", async () => {
  const { double, channel, got } = await openStartedBot();
  const attachments = [{ name: "order.txt", mediaType: "text/plain", bytes: Buffer.from("4711") }];
  const asked = double.people.say(channel, ANA, "What is tihs?", { mentionsBot: true, attachments });

  double.people.edit(asked, `<@${BOT_ID}> What is this?`);

  await vi.waitFor(() => expect(got.edits).toHaveLength(1));
  expect(got.edits).toMatchObject([{ text: "What is this?", attachments: [{ name: "order.txt", bytes: 4 }] }]);
  expect(got.edits[0]?.attachments).toEqual(got.messages[0]?.attachments);
});

test("start() hands in edits of people and deletions, one by one and in bulk", async () => {
  const { double, channel, got, workspaceId } = await openStartedBot();
  const first = double.people.say(channel, ANA, "one", { mentionsBot: true });
  const second = double.people.say(channel, ANA, "two");

  double.people.edit(first, `<@${BOT_ID}> one and a half`);
  double.people.delete(first);
  double.people.delete(second, double.people.say(channel, ANA, "three"));

  await vi.waitFor(() => expect(got.deletions).toHaveLength(3));
  expect(got.edits).toEqual([
    {
      workspaceId,
      channelId: channel.id,
      messageId: first.id,
      text: "one and a half",
      editedAtMs: Date.parse(first.edited_timestamp ?? ""),
    },
  ]);
  expect(got.deletions[0]).toEqual({ workspaceId, channelId: channel.id, messageId: first.id });
});

test("start() hands in reactions of people on replies older than the process, and their removal", async () => {
  const bot = await openDiscordBot();
  const { double, channel, got } = bot;
  const old = double.world.addMessage(channel.id, { author: double.world.person(BOT_ID), content: "old reply" });
  const direct = double.world.directChannel(BEN);
  const oldDirect = double.world.addMessage(direct.id, { author: double.world.person(BOT_ID), content: "old" });
  await bot.start();

  double.people.react(old, ANA, "🙂");
  double.people.unreact(old, ANA, "🙂");
  double.people.react(oldDirect, BEN, "😍");

  await vi.waitFor(() => expect(got.feedback).toHaveLength(3));
  const told = ({ workspaceId, channelId, messageId, userId, emoji, isRemoval }: PlatformFeedback) => [
    workspaceId,
    channelId,
    messageId,
    userId,
    emoji,
    isRemoval,
  ];
  expect(got.feedback.map(told)).toEqual([
    [bot.workspaceId, channel.id, old.id, ANA, "🙂", undefined],
    [bot.workspaceId, channel.id, old.id, ANA, "🙂", true],
    ["discord:dm", direct.id, oldDirect.id, BEN, "😍", undefined],
  ]);
});

test("start() keeps the order of what a person did when a resumed connection tells it in one moment", async () => {
  const bot = await openStartedBot({ now: () => 1_800_000_000_000 });
  const { double, got } = bot;
  const reply = await postReply(bot);
  double.people.react(reply, BEN, "😞");
  double.people.unreact(reply, BEN, "😞");
  double.people.react(reply, BEN, "😍");
  double.people.react(reply, ANA, "😍");

  await vi.waitFor(() => expect(got.feedback).toHaveLength(4));
  const times = got.feedback.map(({ userId, atMs }) => [userId, atMs - 1_800_000_000_000]);
  expect(times).toEqual([
    [BEN, 0],
    [BEN, 1],
    [BEN, 2],
    [ANA, 0],
  ]);
});

test("start() reads what stands when an emoji comes right after it was taken away: the two may have changed places", async () => {
  const bot = await openStartedBot();
  const { double, got } = bot;
  const reply = await postReply(bot);
  double.people.react(reply, BEN, "🙂");
  double.people.unreact(reply, BEN, "🙂");
  await vi.waitFor(() => expect(got.feedback).toHaveLength(2));
  expect(got.snapshots).toEqual([]);

  const late = { user_id: BEN, channel_id: reply.channel_id, message_id: reply.id, guild_id: reply.guild_id };
  const emoji = { id: null, name: "🙂" };
  double.gateway.dispatch("MESSAGE_REACTION_ADD", { ...late, emoji, burst: false, type: 0 }, reply.guild_id);

  await vi.waitFor(() => expect(got.snapshots.map(({ reactions }) => reactions)).toEqual([[]]));
});

test("start() reads what stands when an emoji is taken away right after it was given twice: the two may have changed places", async () => {
  const bot = await openStartedBot();
  const { double, got } = bot;
  const reply = await postReply(bot);
  double.people.react(reply, BEN, "🙂");
  const pressed = { user_id: BEN, channel_id: reply.channel_id, message_id: reply.id, guild_id: reply.guild_id };
  const change = { ...pressed, emoji: { id: null, name: "🙂" }, burst: false, type: 0 };

  // Taken away and given again.
  double.gateway.dispatch("MESSAGE_REACTION_ADD", change, reply.guild_id);
  double.gateway.dispatch("MESSAGE_REACTION_REMOVE", change, reply.guild_id);

  await vi.waitFor(() =>
    expect(got.snapshots.map(({ reactions }) => reactions)).toEqual([[{ userId: BEN, emoji: "🙂" }]]),
  );
  expect(got.snapshots[0]?.atMs).toBeGreaterThanOrEqual(got.feedback.at(-1)?.atMs ?? 0);
});

test("start() drops reactions of bots, its own, and those under messages of others", async () => {
  const bot = await openStartedBot();
  const { double, channel, got } = bot;
  const reply = await postReply(bot);
  const talk = double.people.say(channel, ANA, "talk");

  double.people.react(reply, OTHER_BOT, "😍", { isBot: true });
  double.people.react(talk, BEN, "😍");
  await bot.connector.offerEmoji({ workspaceId: bot.workspaceId, channelId: channel.id, messageId: reply.id }, ["🙂"]);
  double.people.react(reply, BEN, "😞");

  await vi.waitFor(() => expect(got.feedback.map(({ userId, emoji }) => [userId, emoji])).toEqual([[BEN, "😞"]]));
});

test("start() tells a custom emoji by name, and by name and id where the settings name that one", async () => {
  const bot = await openStartedBot();
  const reply = await postReply(bot);

  bot.double.people.react(reply, ANA, "party:500000000000000001");
  await vi.waitFor(() => expect(bot.got.feedback).toHaveLength(1));
  bot.state.settings = { ...bot.state.settings, emoji: new Map([["party:500000000000000001", 4]]) };
  bot.double.people.react(reply, BEN, "party:500000000000000001");

  await vi.waitFor(() =>
    expect(bot.got.feedback.map(({ emoji }) => emoji)).toEqual(["party", "party:500000000000000001"]),
  );
});

test("start() reads what is left when all reactions of an emoji are taken away", async () => {
  const bot = await openStartedBot();
  const reply = await postReply(bot);
  bot.double.people.react(reply, ANA, "🙂");
  bot.double.people.react(reply, BEN, "😞");

  bot.double.people.clearReactions(reply, "🙂");
  await vi.waitFor(() => expect(bot.got.snapshots).toHaveLength(1));
  bot.double.people.clearReactions(reply);

  await vi.waitFor(() => expect(bot.got.snapshots).toHaveLength(2));
  expect(bot.got.snapshots.map(({ reactions }) => reactions)).toEqual([[{ userId: BEN, emoji: "😞" }], []]);
});

test("start() tries an event again that could not be stored", async () => {
  let tries = 0;
  const { double, channel, lines } = await openStartedBot({
    intake: {
      async acceptMessage() {
        if (++tries === 1) throw new Error("database is locked");
      },
    },
  });

  double.people.say(channel, ANA, "keep me", { mentionsBot: true });

  await vi.waitFor(() => expect(tries).toBe(2), 3000);
  expect(lines.map(({ event }) => event)).toContain("discord.event-failed");
});

test("start() tells which servers it is in, and hears of joining, leaving and changes of channels", async () => {
  const bot = await openStartedBot();
  const { double, channel, guild, got, workspaceId } = bot;
  const joined = double.world.addGuild({ ownerId: BEN });

  double.gateway.dispatch("GUILD_CREATE", double.gateway.guildJson(joined), joined.id);
  double.gateway.dispatch("GUILD_DELETE", { id: joined.id }, joined.id);
  Object.assign(channel, { permission_overwrites: [{ id: guild.id, type: 0, allow: "0", deny: "1024" }] });
  double.gateway.dispatch("CHANNEL_UPDATE", channel, guild.id);
  double.gateway.dispatch("CHANNEL_DELETE", channel, guild.id);
  // An outage is no farewell.
  double.gateway.dispatch("GUILD_DELETE", { id: guild.id, unavailable: true }, guild.id);

  await vi.waitFor(() => expect(got.places).toHaveLength(5));
  const later = `discord:${joined.id}`;
  expect(got.places).toEqual(
    expect.arrayContaining([
      { kind: "joined", workspaceId, isNew: false },
      { kind: "joined", workspaceId: later, isNew: true, adminId: BEN },
      { kind: "left", workspaceId: later },
      { kind: "visibility-changed", workspaceId, channelId: channel.id, visibility: "private" },
      { kind: "channel-deleted", workspaceId, channelId: channel.id },
    ]),
  );
});

test("start() loses nothing when the connection is cut, is asked to reconnect, or misses a heartbeat", async () => {
  const { double, channel, got } = await openStartedBot({ double: { heartbeatMs: 400 } });
  const said: string[] = [];
  const say = (text: string) => said.push(double.people.say(channel, ANA, text, { mentionsBot: true }).id);

  double.gateway.cut();
  say("one");
  await vi.waitFor(() => expect(double.gateway.counts.resumed).toBe(1), 10_000);
  double.gateway.askToReconnect();
  say("two");
  await vi.waitFor(() => expect(double.gateway.counts.resumed).toBe(2), 10_000);
  double.gateway.acksHeartbeats = false;
  say("three");
  await vi.waitFor(() => expect(double.gateway.counts.resumed).toBe(3), 10_000);

  await vi.waitFor(() => expect(new Set(got.messages.map(({ messageId }) => messageId))).toEqual(new Set(said)), 5000);
}, 30_000);

test("start() reads what was written meanwhile when Discord gives up the session", async () => {
  const bot = await openStartedBot();
  const { double, channel, got } = bot;
  const reply = await postReply(bot);

  double.gateway.invalidate(false);
  const missed = double.people.say(channel, ANA, "are you there?", { mentionsBot: true });
  double.people.react(reply, ANA, "😍");

  await vi.waitFor(() => expect(double.gateway.counts.identified).toBe(2), 15_000);
  await vi.waitFor(() => expect(got.messages.map(({ messageId }) => messageId)).toContain(missed.id), 5000);
  await vi.waitFor(() => expect(got.snapshots.at(-1)?.reactions).toEqual([{ userId: ANA, emoji: "😍" }]), 5000);
}, 30_000);

test("catchUp() hands in that questions were edited and deleted, which the replies to them tell", async () => {
  const bot = await openStartedBot();
  const { double, channel, got, workspaceId } = bot;
  const attachments = [{ name: "order.txt", mediaType: "text/plain", bytes: Buffer.from("4711") }];
  const [edited, deleted, same] = ["My order?", "My refund?", "My ticket?"].map((text) =>
    double.people.say(channel, ANA, text, { mentionsBot: true, attachments }),
  );
  if (edited === undefined || deleted === undefined || same === undefined) throw new Error("Nobody asked");
  const replies = [];
  for (const question of [edited, deleted, same]) {
    replies.push(await postReply(bot, { turnId: `turn-${question.id}`, inReplyTo: question.id }));
  }
  Object.assign(edited, {
    content: `<@${BOT_ID}> My parcel?`,
    edited_timestamp: new Date(1_800_000_000_000).toISOString(),
  });
  double.world.messages.get(channel.id)?.delete(deleted.id);

  const place = { workspaceId, channelId: channel.id };
  await bot.connector.catchUp({ replies: replies.map(({ id }) => ({ ...place, messageId: id })) });

  const edit = { ...place, messageId: edited.id, text: "My parcel?", editedAtMs: 1_800_000_000_000 };
  expect(got.edits).toMatchObject([{ ...edit, attachments: [{ name: "order.txt" }] }]);
  expect(got.deletions).toEqual([{ ...place, messageId: deleted.id }]);
  expect(got.snapshots).toHaveLength(2);
});

test("catchUp() hands in messages, reactions and deletions that were missed, and no older ones", async () => {
  const bot = await openDiscordBot();
  const { double, channel, got, workspaceId } = bot;
  double.people.say(channel, ANA, "long ago", { mentionsBot: true, isMissed: true });
  const ours = { author: double.world.person(BOT_ID), content: "reply" };
  const reply = double.world.addMessage(channel.id, ours);
  const gone = double.world.newId();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const sinceMs = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const missed = Array.from({ length: 130 }, (_, index) =>
    double.people.say(channel, ANA, `missed ${index}`, { mentionsBot: true, isMissed: true }),
  );
  double.people.react(reply, BEN, "🙂", { isMissed: true });
  double.people.react(reply, OTHER_BOT, "🙂", { isMissed: true, isBot: true });
  await bot.start();

  const place = { workspaceId, channelId: channel.id };
  await bot.connector.catchUp({
    sinceMs,
    replies: [
      { ...place, messageId: reply.id },
      { ...place, messageId: gone },
    ],
  });

  expect(got.messages.map(({ messageId }) => messageId)).toEqual(missed.map(({ id }) => id));
  expect(got.snapshots).toEqual([
    { ...place, messageId: reply.id, reactions: [{ userId: BEN, emoji: "🙂" }], atMs: expect.any(Number) },
  ]);
  expect(got.deletions).toEqual([{ ...place, messageId: gone }]);
});
