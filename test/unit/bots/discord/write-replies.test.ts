import { expect, test, vi } from "vitest";
import { ANA, BEN, openDiscordBot, openStartedBot } from "../../../fixtures/discord/discord-bot.ts";
import type { Fault } from "../../../fixtures/discord/discord-double.ts";

const SUPPRESS_EMBEDS = 4;

function said(bot: Awaited<ReturnType<typeof openStartedBot>>, channelId = bot.channel.id) {
  return [...(bot.double.world.messages.get(channelId)?.values() ?? [])].map(({ content }) => content);
}

test("post() and edit() write under the question, without pings and previews", async () => {
  const bot = await openStartedBot();
  const question = bot.double.people.say(bot.channel, ANA, "?", { mentionsBot: true });
  const part = bot.part({ inReplyTo: question.id, text: `@everyone <@${BEN}> https://example.org/?q=secret` });

  const posted = await bot.connector.post({ ...part, isFinal: false });
  await bot.connector.edit(posted, { ...part, text: `${part.text} @here` });

  const message = bot.double.world.findMessage(bot.channel.id, posted.messageId);
  expect(message).toMatchObject({
    content: `${part.text} @here`,
    flags: SUPPRESS_EMBEDS,
    message_reference: { message_id: question.id },
  });
  expect(bot.double.noticed).toEqual({ pings: [], previews: [] });
});

test.each<Fault>(["502-before", "502-after", "500-before", "shared-429", "global-429"])(
  "post() posts once when the answer is %s",
  async (fault) => {
    const bot = await openStartedBot();
    bot.double.nextFaults.push(fault);

    await bot.connector.post(bot.part());

    expect(said(bot)).toEqual(["Hello"]);
  },
);

test("post() called again for the same part gives the message of before, with the new text", async () => {
  const bot = await openStartedBot();
  bot.double.nextFaults.push("cut-after");

  await expect(bot.connector.post(bot.part({ text: "Hel" }))).rejects.toThrow();
  const posted = await bot.connector.post(bot.part({ text: "Hello" }));

  expect(said(bot)).toEqual(["Hello"]);
  expect(bot.double.world.findMessage(bot.channel.id, posted.messageId)?.content).toBe("Hello");
});

test("post() waits for the limit of the channel instead of running into it", async () => {
  const bot = await openStartedBot({ double: { limits: { messages: { count: 2, perMs: 300 } } } });

  await Promise.all([0, 1, 2, 3, 4].map((part) => bot.connector.post(bot.part({ part, text: `part ${part}` }))));

  expect(said(bot)).toHaveLength(5);
  expect(bot.double.counts.overLimit).toBe(0);
});

test.each([
  { status: 403, code: 50_001, message: "Missing Access", reason: "permission" },
  { status: 403, code: 50_013, message: "Missing Permissions", reason: "permission" },
  { status: 404, code: 10_003, message: "Unknown Channel", reason: "gone" },
])("post() rejects with reason $reason when Discord answers $code", async ({ reason, ...refusal }) => {
  const bot = await openStartedBot();
  bot.channel.refusal = refusal;

  await expect(bot.connector.post(bot.part())).rejects.toMatchObject({ code: "PLATFORM_REFUSED", reason });
});

test("edit() rejects with reason gone when the reply was deleted, and remove() does not", async () => {
  const bot = await openStartedBot();
  const posted = await bot.connector.post(bot.part());
  const place = { workspaceId: bot.workspaceId, channelId: bot.channel.id, ...posted };

  await bot.connector.remove(place);
  await bot.connector.remove(place);

  await expect(bot.connector.edit(posted, bot.part())).rejects.toMatchObject({ reason: "gone" });
  expect(said(bot)).toEqual([]);
});

test("reconcile() finds a part after a new start: by its buttons, else by its place", async () => {
  const bot = await openStartedBot();
  const question = bot.double.people.say(bot.channel, ANA, "?", { mentionsBot: true });
  const inReplyTo = question.id;
  const other = await bot.connector.post(bot.part({ turnId: "other", inReplyTo, actions: ["regenerate"] }));
  const first = await bot.connector.post(bot.part({ turnId: "marked", inReplyTo, actions: ["stop"] }));
  const plainQuestion = bot.double.people.say(bot.channel, BEN, "?", { mentionsBot: true });
  const plain = await bot.connector.post(bot.part({ turnId: "plain", inReplyTo: plainQuestion.id }));

  const restarted = await bot.startAnother();

  const { text: _, isFinal: _f, ...part } = bot.part({ inReplyTo });
  expect(await restarted.reconcile({ ...part, turnId: "marked" })).toEqual(first);
  expect(await restarted.reconcile({ ...part, turnId: "other" })).toEqual(other);
  expect(await restarted.reconcile({ ...part, turnId: "never", part: 2 })).toBeUndefined();
  expect(await restarted.reconcile({ ...part, turnId: "plain", inReplyTo: plainQuestion.id })).toEqual(plain);
});

test("post() opens a thread on the question where the place says so, and follows it", async () => {
  const bot = await openStartedBot({ settings: { openThreads: true } });
  const question = bot.double.people.say(bot.channel, ANA, "how do\nthreads work?", { mentionsBot: true });
  await vi.waitFor(() => expect(bot.got.messages).toHaveLength(1));
  const { threadId } = bot.got.messages[0] ?? {};
  expect(threadId).toBe(question.id);
  const part = bot.part({ inReplyTo: question.id, threadId: question.id });

  const posted = await bot.connector.post(part);
  await bot.connector.edit(posted, { ...part, text: "Like this" });
  const thread = bot.double.world.channels.get(question.id);
  if (thread === undefined) throw new Error("No thread was opened");
  bot.double.people.say(thread, BEN, "thanks");

  expect(thread).toMatchObject({ name: "how do threads work?", parent_id: bot.channel.id });
  expect(said(bot, question.id)).toContain("Like this");
  await vi.waitFor(() => expect(bot.got.messages).toHaveLength(2));
  expect(bot.got.messages[1]).toMatchObject({ channelId: bot.channel.id, threadId: question.id, text: "thanks" });
  expect(await bot.connector.reconcile(part)).toEqual(posted);
});

test("post() writes into a thread that exists already", async () => {
  const bot = await openStartedBot({ settings: { openThreads: true } });
  const question = bot.double.people.say(bot.channel, ANA, "?", { mentionsBot: true });
  await vi.waitFor(() => expect(bot.got.messages).toHaveLength(1));
  bot.double.world.addThread(bot.channel, question.id, { ownerId: ANA });

  await bot.connector.post(bot.part({ inReplyTo: question.id, threadId: question.id }));

  expect(said(bot, question.id)).toEqual(["Hello"]);
});

test("offerEmoji() presses the emoji in order", async () => {
  const bot = await openStartedBot();
  const { messageId } = await bot.connector.post(bot.part());

  await bot.connector.offerEmoji({ ...bot.part(), messageId }, ["😞", "😐", "😍"]);

  expect([...(bot.double.world.findMessage(bot.channel.id, messageId)?.pressed.keys() ?? [])]).toEqual([
    "😞",
    "😐",
    "😍",
  ]);
  expect(bot.double.counts.overLimit).toBe(0);
});

test("showBusy() shows typing until it is told to stop", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const bot = await openStartedBot();
    const busy = new AbortController();

    bot.connector.showBusy({ ...bot.part() }, busy.signal);
    await vi.waitFor(() => expect(bot.double.typing).toEqual([bot.channel.id]));
    vi.advanceTimersByTime(8000);
    await vi.waitFor(() => expect(bot.double.typing).toHaveLength(2));
    busy.abort();
    vi.advanceTimersByTime(80_000);
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(bot.double.typing).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});

test("tell() writes to the place, to the admins' channel, and to one person alone", async () => {
  const bot = await openStartedBot();
  const { workspaceId, channel, double, guild, connector, state } = bot;
  const admins = double.world.addChannel(guild, { isPrivate: true });

  await connector.tell({ workspaceId, channelId: channel.id, text: "to all" });
  await connector.tell({ workspaceId, channelId: channel.id, onlyTo: ANA, text: "to Ana" });
  await connector.tell({ workspaceId, text: "reported: he is rude" });
  state.settings = { ...state.settings, adminChannel: admins.id };
  await connector.tell({ workspaceId, text: "#### to admins" });

  expect(said(bot)).toEqual(["to all"]);
  expect(said(bot, double.world.directChannel(guild.ownerId).id)).toEqual(["reported: he is rude"]);
  expect(said(bot, double.world.directChannel(ANA).id)).toEqual(["to Ana"]);
  expect(said(bot, admins.id)).toEqual(["**to admins**"]);
});

test.each([
  ["writes to the channel of the moderators", true],
  ["writes to an admin alone when everybody reads the channel of the moderators", false],
])("tell() %s where the admins chose none", async (_what, isPrivate) => {
  let updates = "";
  const bot = await openDiscordBot({
    prepare({ world }) {
      const [guild] = world.guilds.values();
      if (guild === undefined) throw new Error("There is no server");
      updates = world.addChannel(guild, { isPrivate }).id;
      Object.assign(guild, { publicUpdatesChannelId: updates, systemChannelId: updates });
    },
  });
  await bot.start();

  await bot.connector.tell({ workspaceId: bot.workspaceId, text: "reported: he is rude" });

  const direct = bot.double.world.directChannel(bot.guild.ownerId).id;
  expect([said(bot, updates), said(bot, direct)].map((texts) => texts.length)).toEqual(isPrivate ? [1, 0] : [0, 1]);
});

test("tell() writes to who added the bot when there is no channel to write to", async () => {
  const bot = await openDiscordBot({
    prepare({ world }) {
      for (const channel of world.channels.values()) {
        Object.assign(channel, {
          permission_overwrites: [{ id: channel.guild_id, type: 0, allow: "0", deny: "3072" }],
        });
      }
    },
  });
  await bot.start();

  await bot.connector.tell({ workspaceId: bot.workspaceId, text: "welcome" });

  expect(said(bot, bot.double.world.directChannel(bot.guild.ownerId).id)).toEqual(["welcome"]);
});
