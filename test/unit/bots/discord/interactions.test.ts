import { PermissionFlagsBits } from "discord-api-types/v10";
import { expect, test, vi } from "vitest";
import type { ChatCommand, CommandCall, CommandReply } from "#bots/chat-command.ts";
import { ANA, BEN, openDiscordBot, openStartedBot } from "../../../fixtures/discord/discord-bot.ts";
import type { DiscordDouble } from "../../../fixtures/discord/discord-double.ts";
import { Answer } from "../../../fixtures/discord/double-calls.ts";
import { OWNER_ID } from "../../../fixtures/discord/double-world.ts";

const EPHEMERAL = 64;
const ADMIN = PermissionFlagsBits.ManageGuild;

function command(name: string, given: Partial<ChatCommand> = {}): ChatCommand {
  return {
    name,
    description: `Does ${name}`,
    access: "everyone",
    options: [],
    run: async () => ({ text: "" }),
    ...given,
  };
}

const ROLES = ["170000000000000001", "420000000000000001", "430000000000000001"];

/** Discord tells the roles of a server before anybody has one. */
function withRoles({ world }: DiscordDouble): void {
  for (const { roles } of world.guilds.values()) roles.push(...ROLES.map((id) => ({ id, name: id, permissions: "0" })));
}

const COMMANDS: readonly ChatCommand[] = [
  command("ask", {
    options: [{ name: "question", description: "What to ask", kind: "text", isRequired: true, takesRest: true }],
  }),
  command("rate", {
    messageLabel: "Rate this reply",
    options: [
      { name: "comment", description: "Why", kind: "text", isRequired: false },
      {
        name: "score",
        description: "1 to 5",
        kind: "choice",
        isRequired: true,
        choices: [{ name: "good", value: "5" }],
      },
    ],
  }),
  command("train", {
    access: "admin",
    options: [{ name: "domain", description: "Which", kind: "text", isRequired: true, isCompleted: true }],
  }),
];

test("start() registers the commands once, and afterwards writes only what changed", async () => {
  const first = await openStartedBot({ commands: COMMANDS });
  const registered = [...first.double.world.commands.values()];
  expect(first.double.commandWrites).toEqual(["POST ask", "POST rate", "POST train", "POST Rate this reply"]);

  const [ask, rate] = COMMANDS;
  const again = await openDiscordBot({
    commands: [
      ...COMMANDS.slice(0, 2).map((one) => (one === rate ? { ...one, description: "New words" } : one)),
      command("help"),
    ],
    prepare: ({ world }) => registered.forEach((one) => void world.commands.set(one.id, one)),
  });
  await again.start();

  expect(ask?.name).toBe("ask");
  expect(again.double.commandWrites).toEqual(["PATCH rate", "DELETE train", "POST help"]);
});

test("start() offers the channels that settings can hold for, not threads that share those of their channel", async () => {
  const options = [{ name: "channel", description: "Where", kind: "channel", isRequired: false }] as const;
  const { double } = await openStartedBot({ commands: [command("settings", { options })] });

  const [settings] = double.world.commands.values();
  expect(settings?.options).toMatchObject([{ name: "channel", channel_types: [0, 2, 5, 12, 13, 15, 16] }]);
});

test("start() offers admin commands to those who manage the server, and others also where only the person installed the app", async () => {
  const { double } = await openStartedBot({ commands: COMMANDS });

  const of = (name: string) => [...double.world.commands.values()].find((one) => one.name === name);
  expect(of("train")).toMatchObject({
    default_member_permissions: String(PermissionFlagsBits.ManageGuild),
    integration_types: [0],
    options: [{ name: "domain", autocomplete: true }],
  });
  expect(of("ask")).toMatchObject({ default_member_permissions: null, integration_types: [0, 1], contexts: [0, 1, 2] });
  expect(of("rate")?.options?.map(({ name }) => name)).toEqual(["score", "comment"]);
});

test("a command is run with its options, and answered to the caller alone", async () => {
  const bot = await openStartedBot({
    commands: COMMANDS,
    run: () => ({ text: "#### Fine\n@everyone" }),
    prepare: withRoles,
  });

  const call = await bot.double.people.command(bot.channel, ANA, "rate", {
    options: [{ name: "score", value: "5" }],
    roles: ["170000000000000001"],
  });

  expect(bot.got.calls).toEqual([
    {
      command: "rate",
      platform: "discord",
      callId: `discord:${call.id}`,
      workspaceId: bot.workspaceId,
      channelId: bot.channel.id,
      visibility: "public",
      userId: ANA,
      roles: ["170000000000000001"],
      isAdmin: false,
      options: new Map([["score", "5"]]),
      atMs: expect.any(Number),
    },
  ]);
  expect(call.first?.data).toMatchObject({ content: "**Fine**\n@everyone", allowed_mentions: { parse: [] } });
  expect((call.first?.data?.flags ?? 0) & EPHEMERAL).toBe(EPHEMERAL);
});

test.each([
  { who: "a member", options: {}, isAdmin: false },
  { who: "who manages the server", options: { permissions: PermissionFlagsBits.ManageGuild }, isAdmin: true },
  { who: "an administrator", options: { permissions: PermissionFlagsBits.Administrator }, isAdmin: true },
  { who: "a member with a role of the settings", options: { roles: ["420000000000000001"] }, isAdmin: true },
  { who: "a member with another role", options: { roles: ["430000000000000001"] }, isAdmin: false },
  {
    who: "who manages a server where the bot is not",
    options: { permissions: PermissionFlagsBits.ManageGuild, isUserInstall: true },
    isAdmin: false,
  },
])("a command tells whether $who is an admin: $isAdmin", async ({ options, isAdmin }) => {
  const bot = await openStartedBot({ settings: { adminRoles: ["420000000000000001"] }, prepare: withRoles });
  const strange = { ...bot.channel, guild_id: "400000000000000001" };
  bot.double.world.guilds.set(strange.guild_id, { ...bot.guild, id: strange.guild_id });

  await bot.double.people.command("isUserInstall" in options ? strange : bot.channel, ANA, "status", options);

  expect(bot.got.calls[0]?.isAdmin).toBe(isAdmin);
});

test("a command in a direct conversation is an admin's only when the owner of the app calls", async () => {
  const bot = await openStartedBot();

  for (const userId of [ANA, OWNER_ID]) {
    await bot.double.people.command(bot.double.world.directChannel(userId), userId, "status");
  }

  expect(bot.got.calls.map(({ workspaceId, isAdmin }) => [workspaceId, isAdmin])).toEqual([
    ["discord:dm", false],
    ["discord:dm", true],
  ]);
});

test("a command that takes long shows a sign of life, then its answer", async () => {
  const bot = await openStartedBot({
    run: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1700));
      return { text: "at last", isPublic: true };
    },
  });

  const call = await bot.double.people.command(bot.channel, ANA, "status");

  expect(call.first?.type).toBe(Answer.Defer);
  await vi.waitFor(
    () => expect(call.shown.map(({ content }) => content)).toEqual(["Done: see below.", "at last"]),
    3000,
  );
  expect(call.shown.map(({ flags }) => (flags ?? 0) & EPHEMERAL)).toEqual([EPHEMERAL, 0]);
});

test("a command that fails is answered without its reason, which is logged", async () => {
  const bot = await openStartedBot({
    run: () => {
      throw new Error("disk is full");
    },
  });

  const call = await bot.double.people.command(bot.channel, ANA, "status");

  expect(call.first?.data?.content).not.toContain("disk");
  expect(bot.lines).toContainEqual(expect.objectContaining({ event: "discord.command-failed" }));
});

test("a command shows pictures and files, and splits what is too long", async () => {
  const png = new Uint8Array([137, 80, 78, 71]);
  const reply: CommandReply = {
    text: "word ".repeat(900),
    image: { png, alt: "bars", name: "bars.png" },
    file: { name: "export.json", mediaType: "application/json", contents: new Uint8Array([123, 125]) },
  };
  const bot = await openStartedBot({ run: () => reply });

  const call = await bot.double.people.command(bot.channel, ANA, "status");

  await vi.waitFor(() => expect(call.shown).toHaveLength(3));
  expect(
    call.shown
      .map(({ content }) => content)
      .join(" ")
      .split(/\s+/),
  ).toHaveLength(900);
  expect(call.shown[2]?.attachments).toMatchObject([
    { filename: "bars.png", description: "bars" },
    { filename: "export.json" },
  ]);
});

test("a command's form is shown, and comes back as a call with its fields", async () => {
  const { bot, messageId, opened } = await openTeachForm();

  const sent = await bot.double.people.submit(bot.channel, ANA, opened, { answer: "new words" });

  expect(opened.first).toMatchObject({ type: Answer.Form, data: { title: "Teach" } });
  expect(sent.first?.data?.content).toBe("Thank you");
  expect(bot.got.calls[1]).toMatchObject({
    command: "rate",
    messageId,
    isForm: true,
    options: new Map([["answer", "new words"]]),
  });
});

test("a form that comes too late to be shown waits behind a button", async () => {
  const form = { title: "Late", fields: [{ name: "a", label: "A", isLong: false, isRequired: true, charsMax: 10 }] };
  const bot = await openStartedBot({
    run: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1600));
      return { text: "", form };
    },
  });

  const call = await bot.double.people.command(bot.channel, ANA, "teach");
  await vi.waitFor(() => expect(call.shown[0]?.components).toHaveLength(1), 3000);
  const pressed = await bot.double.people.press(shownOf(call.shown), ANA, customIds(call.shown[0])[0] ?? "");

  expect(pressed.first?.type).toBe(Answer.Form);
});

const ASKS_IF_SURE = ({ options }: Pick<CommandCall, "options">): CommandReply =>
  options.get("sure") === "yes"
    ? { text: "Gone" }
    : { text: "Sure?", confirm: { label: "Yes", options: new Map([["sure", "yes"]]) } };

test("a confirmed command is run again with what was confirmed, as one call, and for its caller only", async () => {
  const bot = await openStartedBot({ run: ASKS_IF_SURE });
  const call = await bot.double.people.command(bot.channel, ANA, "forget", {
    options: [{ name: "what", value: "all" }],
  });
  const under = shownOf(call.shown);
  const [button = ""] = customIds(under);

  const stranger = await bot.double.people.press(under, BEN, button);
  const pressed = await bot.double.people.press(under, ANA, button);
  await vi.waitFor(() => expect(pressed.shown.map(({ content }) => content)).toEqual(["Gone"]));
  expect(customIds(under)).toEqual([]);
  // Before the button had gone.
  await bot.double.people.press(under, ANA, button);
  await vi.waitFor(() => expect(bot.got.calls).toHaveLength(3));

  expect(stranger.first?.data?.content).toMatch(/no longer/);
  const [asked, ...confirmed] = bot.got.calls;
  expect(Object.fromEntries(asked?.options ?? [])).toEqual({ what: "all" });
  for (const { options } of confirmed) expect(Object.fromEntries(options)).toEqual({ what: "all", sure: "yes" });
  // What makes the runner take it once.
  expect(new Set(confirmed.map(({ callId }) => callId)).size).toBe(1);
});

test("a press is answered by a process that did not show the button, with the roles of the press", async () => {
  const bot = await openStartedBot({ run: ASKS_IF_SURE });
  const call = await bot.double.people.command(bot.channel, ANA, "forget", { permissions: ADMIN });
  const under = shownOf(call.shown);
  const [button = ""] = customIds(under);
  await bot.connector.stop();
  await bot.startAnother();

  const pressed = await bot.double.people.press(under, ANA, button);

  await vi.waitFor(() => expect(pressed.shown.map(({ content }) => content)).toEqual(["Gone"]));
  expect(bot.got.calls.map(({ isAdmin }) => isAdmin)).toEqual([true, false]);
});

test("a press that several processes are told of is run by one of them, and none says that it is too old", async () => {
  const bot = await openStartedBot({ run: ASKS_IF_SURE });
  await bot.startAnother();
  // Both are told of the call as well; here each shows what it has to show.
  const call = await bot.double.people.command(bot.channel, ANA, "forget");
  const under = shownOf(call.shown);
  const pressed = await bot.double.people.press(under, ANA, customIds(under)[0] ?? "");

  await vi.waitFor(() => expect(pressed.shown.map(({ content }) => content)).toEqual(["Gone"]));
  expect(bot.got.calls.filter(({ options }) => options.has("sure"))).toHaveLength(1);
});

test("a form that one process showed is taken by another, with what the call was for", async () => {
  const { bot, messageId, opened } = await openTeachForm();
  await bot.connector.stop();
  await bot.startAnother();

  const sent = await bot.double.people.submit(bot.channel, ANA, opened, { answer: "new words" });

  expect(sent.first?.data?.content).toBe("Thank you");
  expect(bot.got.calls.at(-1)).toMatchObject({ messageId, isForm: true, options: new Map([["answer", "new words"]]) });
});

test("what was typed for a field of the form stands in the form", async () => {
  const form = {
    title: "Rate",
    fields: [{ name: "comment", label: "Why", isLong: true, isRequired: false, charsMax: 500 }],
  };
  const bot = await openStartedBot({ run: () => ({ text: "Use a form", form }) });
  const comment = "good ".repeat(60).trim();

  const opened = await bot.double.people.command(bot.channel, ANA, "rate", {
    options: [{ name: "comment", value: comment }],
  });

  expect(opened.first?.data?.components?.[0]?.component).toMatchObject({ custom_id: "comment", value: comment });
});

test("a call that is too long to travel is answered by its text, without a button or a form", async () => {
  const form = { title: "Teach", fields: [{ name: "a", label: "A", isLong: true, isRequired: true, charsMax: 50 }] };
  const confirm = { label: "Yes", options: new Map([["sure", "yes"]]) };
  const bot = await openStartedBot({
    run: ({ command: name }) => ({ text: "Or call it so", ...(name === "teach" ? { form } : { confirm }) }),
  });
  const options = { options: [{ name: "what", value: "x".repeat(90) }] };

  for (const name of ["teach", "forget"]) {
    const call = await bot.double.people.command(bot.channel, ANA, name, options);
    expect(call.first?.data?.content).toBe("Or call it so");
    expect(customIds(call.shown[0])).toEqual([]);
  }
});

test("/ask posts the question in public and hands it in as the caller's message", async () => {
  const bot = await openStartedBot({
    commands: COMMANDS,
    run: ({ options }) => ({ text: `> ${options.get("question")}`, ask: { question: options.get("question") ?? "" } }),
  });

  const call = await bot.double.people.command(bot.channel, ANA, "ask", {
    options: [{ name: "question", value: "why?" }],
  });

  await vi.waitFor(() => expect(bot.got.messages).toHaveLength(1));
  expect(bot.got.messages[0]).toMatchObject({
    userId: ANA,
    text: "why?",
    messageId: call.original?.id,
    visibility: "public",
  });
  expect((call.first?.data?.flags ?? 0) & EPHEMERAL).toBe(0);
});

test("/ask where the person alone installed the app is answered through the call", async () => {
  const bot = await openStartedBot({
    run: () => ({ text: "> why?", ask: { question: "why?" } }),
  });
  const guild = bot.double.world.addGuild();
  const strange = bot.double.world.addChannel(guild);
  strange.refusal = { status: 403, code: 50_001, message: "Missing Access" };

  const call = await bot.double.people.command(strange, ANA, "ask", { isUserInstall: true });
  await vi.waitFor(() => expect(bot.got.messages).toHaveLength(1));
  const { workspaceId = "", channelId = "", messageId = "" } = bot.got.messages[0] ?? {};
  const part = bot.part({ workspaceId, channelId, inReplyTo: messageId, text: "Be" });
  const posted = await bot.connector.post(part);
  await bot.connector.edit(posted, { ...part, text: "Because" });

  expect(workspaceId).toBe(`discord:user:${ANA}`);
  expect(call.shown.map(({ content }) => content)).toEqual(["> why?", "Because"]);
});

test("/ask where the bot may not write is answered through the call", async () => {
  const bot = await openStartedBot({ run: () => ({ text: "> why?", ask: { question: "why?" } }) });
  bot.channel.refusal = { status: 403, code: 50_013, message: "Missing Permissions" };

  const call = await bot.double.people.command(bot.channel, ANA, "ask", { botPermissions: 0n });
  await vi.waitFor(() => expect(bot.got.messages).toHaveLength(1));
  await bot.connector.post(bot.part({ inReplyTo: bot.got.messages[0]?.messageId ?? "", text: "Because" }));

  expect(call.shown.map(({ content }) => content)).toEqual(["> why?", "Because"]);
});

test("an option is completed while it is typed, with at most 25 choices", async () => {
  const bot = await openStartedBot({
    intake: {
      completeOption: async (_call, option, typed) =>
        Array.from({ length: 30 }, (_, index) => ({ name: `${option} ${typed} ${index}`, value: `v${index}` })),
    },
  });

  const call = await bot.double.people.complete(bot.channel, ANA, "train", {
    options: [{ name: "domain", value: "su", focused: true }],
  });

  expect(call.first?.type).toBe(Answer.Choices);
  expect(call.first?.data?.choices).toHaveLength(25);
  expect(call.first?.data?.choices?.[0]).toEqual({ name: "domain su 0", value: "v0" });
});

test("buttons under a reply stop, rate, regenerate and report it", async () => {
  const bot = await openStartedBot({ settings: { offerEmoji: false } });
  const actions = ["stop", "rate", "regenerate", "report"] as const;
  const { messageId } = await bot.connector.post(bot.part({ actions }));
  const reply = bot.double.world.findMessage(bot.channel.id, messageId);
  if (reply === undefined) throw new Error("No reply");
  const ids = customIds(reply);
  const idOf = (start: string) => ids.find((id) => id.startsWith(start)) ?? "";

  await bot.double.people.press(reply, BEN, idOf("reply:stop"));
  await bot.double.people.press(reply, ANA, idOf("reply:stop"));
  await bot.double.people.press(reply, BEN, idOf("reply:rate:4"));
  await bot.double.people.press(reply, BEN, idOf("reply:regenerate"));
  await bot.double.people.press(reply, BEN, idOf("reply:report"));

  const place = { workspaceId: bot.workspaceId, channelId: bot.channel.id, messageId };
  await vi.waitFor(() => expect(bot.got.stops).toEqual([place]));
  expect(bot.got.feedback).toEqual([{ ...place, userId: BEN, source: "button", score: 4, atMs: expect.any(Number) }]);
  expect(bot.got.calls.map((call) => [call.command, call.messageId])).toEqual([
    ["regenerate", messageId],
    ["report", messageId],
  ]);
});

test("the same interaction delivered twice is answered once, and ends nothing", async () => {
  const bot = await openStartedBot({ double: { chaos: { twiceRatio: 1 } } });

  const call = await bot.double.people.command(bot.channel, ANA, "status");

  await vi.waitFor(() => expect(bot.got.calls).toHaveLength(2));
  await vi.waitFor(() =>
    expect(bot.lines).toContainEqual(expect.objectContaining({ event: "discord.interaction-late" })),
  );
  expect(call.shown).toHaveLength(1);
});

/** Somebody chose the command that shows a form, on a reply of the bot. */
async function openTeachForm() {
  const form = {
    title: "Teach",
    fields: [{ name: "answer", label: "Better answer", isLong: true, isRequired: true, charsMax: 5000, value: "old" }],
  };
  const bot = await openStartedBot({
    commands: COMMANDS,
    run: ({ isForm }) => (isForm === true ? { text: "Thank you" } : { text: "Use a form", form }),
  });
  const { messageId } = await bot.connector.post(bot.part());
  const reply = bot.double.world.findMessage(bot.channel.id, messageId);
  if (reply === undefined) throw new Error("No reply");
  return { bot, messageId, opened: await bot.double.people.choose(reply, ANA, "Rate this reply") };
}

function shownOf<T>(shown: readonly T[]): T {
  const [first] = shown;
  if (first === undefined) throw new Error("Nothing was shown");
  return first;
}

function customIds(message: { readonly components?: readonly object[] } | undefined): string[] {
  return (message?.components ?? []).flatMap((row) =>
    "components" in row && Array.isArray(row.components)
      ? row.components.map(({ custom_id }: { custom_id: string }) => custom_id)
      : [],
  );
}
