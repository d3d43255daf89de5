import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { ChatCommand, CommandCall, CommandReply } from "#bots/chat-command.ts";
import { openSlack, replyPart, type SlackWorldOptions, WORKSPACE } from "../../../fixtures/slack/open-slack.ts";

const rate: ChatCommand = {
  name: "rate",
  description: "Score my last answer",
  access: "everyone",
  options: [
    { name: "score", description: "1 to 5", kind: "number", isRequired: true, min: 1, max: 5 },
    { name: "comment", description: "Why", kind: "text", isRequired: false, takesRest: true },
  ],
  messageLabel: "Rate this reply",
  run: async () => ({ text: "" }),
};
const plainCommand = (name: string): ChatCommand => ({ ...rate, name, options: [] });

/** Commands that answer with `reply`; their calls are kept. */
async function openCommands(
  reply: CommandReply | ((call: CommandCall) => CommandReply),
  options: SlackWorldOptions = {},
) {
  const ran: CommandCall[] = [];
  const world = await openSlack({
    ...options,
    intake: {
      commands: [rate, plainCommand("status"), plainCommand("ask"), plainCommand("regenerate"), plainCommand("report")],
      async runCommand(call) {
        ran.push(call);
        return typeof reply === "function" ? reply(call) : reply;
      },
      ...options.intake,
    },
  });
  const { slack } = world;
  let triggers = 0;
  const base = () => {
    triggers++;
    return {
      team_id: "T1",
      response_url: slack.responseUrl("R1"),
      trigger_id: `trigger-${triggers}`,
      api_app_id: "A1",
    };
  };
  const person = (userId: string) => ({ id: userId, team_id: "T1", username: userId });
  return {
    ...world,
    ran,
    type: (command: string, text = "", given = {}) =>
      slack.delivery.deliver("slash_commands", {
        ...base(),
        command,
        text,
        channel_id: "C1",
        channel_name: "general",
        user_id: "UANA",
        ...given,
      }),
    menu: (name: string, ts: string) =>
      slack.delivery.deliver("interactive", {
        ...base(),
        type: "message_action",
        callback_id: `reactune_message_${name}`,
        team: { id: "T1" },
        user: person("UANA"),
        channel: { id: "C1", name: "general" },
        message: { ts, text: "x" },
      }),
    press: (actionId: string, ts: string, value?: string, userId = "UANA") =>
      slack.delivery.deliver("interactive", {
        ...base(),
        type: "block_actions",
        team: { id: "T1" },
        user: person(userId),
        channel: { id: "C1", name: "general" },
        container: { type: "message", message_ts: ts, channel_id: "C1" },
        message: { ts },
        actions: [{ type: "button", action_id: actionId, block_id: "b", value, action_ts: "1800000000.25" }],
      }),
    submit: (privateMetadata: string, values: Record<string, string>) =>
      slack.delivery.deliver("interactive", {
        type: "view_submission",
        api_app_id: "A1",
        team: { id: "T1" },
        user: person("UANA"),
        view: {
          id: "V1",
          type: "modal",
          callback_id: "reactune_form",
          private_metadata: privateMetadata,
          state: {
            values: Object.fromEntries(
              Object.entries(values).map(([name, value]) => [name, { [name]: { type: "plain_text_input", value } }]),
            ),
          },
        },
      }),
    answered: async (count = 1) => {
      await expect.poll(() => slack.responses.length).toBe(count);
      return slack.responses.map(({ body }) => body);
    },
  };
}

test("a slash command runs with its options, and only its caller sees the answer", async () => {
  const { type, ran, answered } = await openCommands({ text: "**Thanks** <!channel>" });

  const { statuses, body } = await type("/rate", "5 it's &lt;great&gt; &amp; <@UBO> agrees");

  expect([statuses, body]).toEqual([[200], ""]);
  expect(await answered()).toMatchObject([
    { response_type: "ephemeral", blocks: [{ type: "markdown", text: "**Thanks** <!channe\u2060l>" }] },
  ]);
  expect(ran).toMatchObject([
    {
      command: "rate",
      platform: "slack",
      workspaceId: WORKSPACE,
      channelId: "C1",
      visibility: "public",
      userId: "UANA",
      isAdmin: false,
      options: new Map([
        ["score", "5"],
        ["comment", "it's <great> & @Bo agrees"],
      ]),
    },
  ]);
});

test("every command is there as /reactune <name>, also those whose names Slack keeps", async () => {
  const { type, ran, answered } = await openCommands({ text: "ok" });

  await type("/reactune", "status");
  await answered(1);
  await type("/reactune", "rate 3");
  await answered(2);

  expect(ran.map(({ command }) => command)).toEqual(["status", "rate"]);
  expect(ran[1]?.options).toEqual(new Map([["score", "3"]]));
});

test("a command that is not there, and one that is used wrongly, say what to do", async () => {
  const { type, ran, answered } = await openCommands({ text: "ok" });

  await type("/reactune", "dance");
  const [unknown] = await answered(1);
  await type("/rate", "nine");
  const [, wrong] = await answered(2);

  expect(JSON.stringify(unknown)).toContain("/reactune rate");
  expect(JSON.stringify(wrong)).toContain("a whole number from 1 to 5");
  expect(ran).toEqual([]);
});

test("a call that a socket brings twice runs and answers once", async () => {
  const { type, ran, slack } = await openCommands({ text: "ok" }, { mode: "socket" });

  await type("/reactune", "status", { trigger_id: "same" });
  await type("/reactune", "status", { trigger_id: "same" });
  await expect.poll(() => ran.length).toBeGreaterThan(0);
  await sleep(50);

  expect(slack.responses).toHaveLength(1);
});

test.each([
  ["UADMIN", true],
  ["UANA", false],
  ["UBOSS", true],
  ["UFOREIGN", false],
])("whether %s is an admin is Slack's word, or a user group's: %s", async (userId, isAdmin) => {
  const { type, ran, slack, answered } = await openCommands({ text: "ok" }, { settings: { adminRoles: ["SBOSS"] } });
  slack.state.groups.set("SBOSS", ["UBOSS"]);
  slack.state.addUser({ id: "UBOSS", name: "Boss" });
  // Administers another company's workspace that shares a channel with this one.
  slack.state.addUser({ id: "UFOREIGN", name: "Foreign", isAdmin: true, teamId: "T9" });

  await type("/reactune", "status", { user_id: userId });
  await answered();

  expect(ran[0]?.isAdmin).toBe(isAdmin);
});

test("an entry of a message's menu asks with a form, and the form calls again", async () => {
  const form = {
    title: "Rate this reply, please, and say why",
    fields: [
      { name: "score", label: "Score", isLong: false, isRequired: true, charsMax: 1 },
      { name: "comment", label: "Why", isLong: true, isRequired: false, charsMax: 9000, value: "before" },
    ],
  };
  const { menu, submit, ran, slack } = await openCommands((call) =>
    call.isForm === true ? { text: "Noted" } : { text: "Use /rate", form },
  );

  await menu("rate", "5.5");
  await expect.poll(() => slack.callsOf("views.open").length).toBe(1);
  const view = JSON.parse(slack.callsOf("views.open")[0]?.args.get("view") ?? "{}");
  const { body } = await submit(view.private_metadata, { score: "4", comment: "good" });
  await expect.poll(() => slack.callsOf("chat.postEphemeral").length).toBe(1);

  expect(view.title.text.length).toBeLessThanOrEqual(24);
  expect(view.blocks.map((block: { element: { max_length: number } }) => block.element.max_length)).toEqual([1, 3000]);
  expect(body).toBe("");
  expect(ran.map(({ command, messageId, isForm }) => [command, messageId, isForm])).toEqual([
    ["rate", "5.5", undefined],
    ["rate", "5.5", true],
  ]);
  expect(ran[1]?.options).toEqual(
    new Map([
      ["score", "4"],
      ["comment", "good"],
    ]),
  );
  expect(slack.callsOf("chat.postEphemeral")[0]?.args.get("user")).toBe("UANA");
});

test("a form that Slack opens no more is replaced by the text", async () => {
  const form = { title: "Rate", fields: [] };
  const { type, answered } = await openCommands({ text: "Use /rate 1 to 5", form });

  await type("/rate", "5", { trigger_id: "expired" });

  expect(JSON.stringify(await answered())).toContain("Use /rate 1 to 5");
});

test("a confirmation runs the same command again with what was added", async () => {
  const confirm = { label: "Yes, erase", options: new Map([["confirm", "yes"]]) };
  const { type, press, ran, answered } = await openCommands((call) =>
    call.options.get("confirm") === "yes" ? { text: "Erased" } : { text: "Sure?", confirm },
  );

  await type("/rate", "5");
  const [asked] = await answered(1);
  const value = JSON.stringify(asked).match(/"value":("(?:[^"\\]|\\.)*")/)?.[1] ?? '""';
  await press("reactune_confirm", "7.7", JSON.parse(value));
  const [, done] = await answered(2);

  expect(ran[1]?.options).toEqual(
    new Map([
      ["score", "5"],
      ["confirm", "yes"],
    ]),
  );
  expect(ran[1]?.callId).not.toBe(ran[0]?.callId);
  expect(done).toMatchObject({ replace_original: true });
});

test("a confirmation goes on in a process that did not ask for it, with the roles of the press, and two presses are one call", async () => {
  const confirm = { label: "Yes, erase", options: new Map([["confirm", "yes"]]) };
  const reply = (call: CommandCall) => (call.options.has("confirm") ? { text: "Erased" } : { text: "Sure?", confirm });
  const [asking, first, second] = [await openCommands(reply), await openCommands(reply), await openCommands(reply)];
  await asking.type("/rate", "5", { user_id: "UADMIN" });
  const [asked] = await asking.answered(1);
  const value = JSON.parse(JSON.stringify(asked).match(/"value":("(?:[^"\\]|\\.)*")/)?.[1] ?? '""');

  for (const { press } of [first, second]) await press("reactune_confirm", "7.7", value, "UBO");
  await first.answered(1);
  await second.answered(1);

  expect(asking.ran[0]?.isAdmin).toBe(true);
  const ran = [...first.ran, ...second.ran];
  expect(ran.map(({ command, userId, isAdmin }) => ({ command, userId, isAdmin }))).toEqual([
    { command: "rate", userId: "UBO", isAdmin: false },
    { command: "rate", userId: "UBO", isAdmin: false },
  ]);
  expect(new Set(ran.map(({ callId }) => callId)).size).toBe(1);
});

test("thumbs below a reply are a score, stored before Slack is told", async () => {
  const { press, of, connector } = await openCommands({ text: "" });
  const { messageId } = await connector.post(replyPart());

  await press("reactune_rate", messageId, "5");
  await press("reactune_rate", messageId, "1", "UBO");
  await press("reactune_rate", messageId, "3");

  const given = { workspaceId: WORKSPACE, channelId: "C1", messageId, source: "button", atMs: 1_800_000_000_250 };
  expect(of("acceptFeedback")).toEqual([
    [{ ...given, userId: "UANA", score: 5 }],
    [{ ...given, userId: "UBO", score: 1 }],
  ]);
});

test("a score that could not be stored is not acknowledged", async () => {
  const acceptFeedback = async () => {
    throw new Error("disk full");
  };
  const { press } = await openCommands({ text: "" }, { intake: { acceptFeedback } });

  expect((await press("reactune_rate", "5.5", "5")).statuses).toEqual([500]);
});

test("the buttons below a reply regenerate it, report it and stop it", async () => {
  const { press, ran, of, answered } = await openCommands({ text: "Done" });

  await press("reactune_regenerate", "5.5");
  await press("reactune_report", "5.5");
  await press("reactune_stop", "5.5");
  await answered(2);

  expect(ran.map(({ command, messageId }) => [command, messageId])).toEqual([
    ["regenerate", "5.5"],
    ["report", "5.5"],
  ]);
  expect(of("stopReply")).toEqual([[{ workspaceId: WORKSPACE, channelId: "C1", messageId: "5.5" }]]);
});

test("only who asked and admins stop a reply", async () => {
  const { press, of, answered } = await openCommands({ text: "Done" });

  await press("reactune_stop", "5.5", "UANA", "UBO");
  await press("reactune_stop", "5.6", "UANA", "UADMIN");
  await press("reactune_stop", "5.7", "UANA");

  await expect.poll(() => of("stopReply").length).toBe(2);
  const stopped = of("stopReply").flatMap(([place]) => (place as { readonly messageId: string }).messageId);
  expect(stopped.toSorted()).toEqual(["5.6", "5.7"]);
  expect(JSON.stringify(await answered(1))).toContain("Only who asked");
});

test("an answer names commands as they are called on Slack, which keeps some names for itself", async () => {
  const { type, answered } = await openCommands({ text: "`/status support` tells, `/help` too; `/rate` rates." });

  await type("/rate", "5");

  expect(JSON.stringify(await answered())).toContain(
    "`/reactune status support` tells, `/reactune help` too; `/rate` rates.",
  );
});

test("/ask puts the question into the channel and hands it in as its caller's", async () => {
  const { type, of, slack } = await openCommands({ text: "> Why?", isPublic: true, ask: { question: "Why?" } });

  await type("/ask", "");
  await expect.poll(() => of("acceptMessage").length).toBe(1);

  const [posted] = slack.state.channels.get("C1")?.messages ?? [];
  expect(posted?.text).toBe("> Why?");
  expect(of("acceptMessage")[0]).toMatchObject([
    `slack:T1:C1:${posted?.ts}`,
    { userId: "UANA", text: "Why?", messageId: posted?.ts, visibility: "public" },
  ]);
});

test("/ask says how to invite the bot where it may not write", async () => {
  const { type, slack, answered, of } = await openCommands({ text: "> Why?", ask: { question: "Why?" } });
  slack.state.addChannel("C2", "channel", { isBotMember: false });

  await type("/ask", "", { channel_id: "C2" });

  expect(JSON.stringify(await answered())).toContain("/invite");
  expect(of("acceptMessage")).toEqual([]);
});

test("a picture for all goes into the channel, a file for its caller into the direct messages", async () => {
  const png = new Uint8Array([1, 2, 3]);
  const { type, slack, answered } = await openCommands((call) => ({
    text: "See",
    ...(call.command === "status"
      ? { isPublic: true, image: { png, alt: "Bars", name: "readiness.png" } }
      : { file: { name: "mine.json", mediaType: "application/json", contents: new TextEncoder().encode("{}") } }),
  }));

  await type("/reactune", "status");
  await expect.poll(() => slack.callsOf("files.completeUploadExternal").length).toBe(1);
  await type("/rate", "5");
  await expect.poll(() => slack.callsOf("files.completeUploadExternal").length).toBe(2);

  expect(slack.callsOf("files.completeUploadExternal").map(({ args }) => args.get("channel_id"))).toEqual([
    "C1",
    "DUANA",
  ]);
  expect((await answered(2)).map((body) => body["response_type"])).toEqual(["in_channel", "ephemeral"]);
  expect(slack.callsOf("files.getUploadURLExternal")[0]?.args.get("alt_text")).toBe("Bars");
  const [ofAll, ofOne] = (await answered(2)).map(({ text }) => text);
  expect([ofAll, ofOne]).toEqual(["See", expect.stringContaining("in your direct messages")]);
});

test("a file that Slack does not take is told to its caller", async () => {
  const file = { name: "mine.json", mediaType: "application/json", contents: new TextEncoder().encode("{}") };
  const { type, answered } = await openCommands(
    { text: "See", file },
    { double: { without: ["files.getUploadURLExternal"] } },
  );

  await type("/rate", "5");

  expect(JSON.stringify((await answered(2))[1])).toContain("I could not send you the file");
});

test("a long answer comes in as many messages as it needs", async () => {
  const text = Array.from({ length: 3000 }, (_, index) => `line ${index}`).join("\n");
  const { type, answered } = await openCommands({ text });

  await type("/reactune", "status");
  const bodies = await answered(3);

  expect(bodies.map((body) => (body["blocks"] as { text: string }[])[0]?.text).join("")).toBe(text);
});

test("a command that fails is logged without the words, and ends nothing", async () => {
  const runCommand = async () => {
    throw new Error("broken");
  };
  const { type, logged } = await openCommands({ text: "" }, { intake: { runCommand } });

  const { statuses } = await type("/rate", "5 secret words");
  await expect.poll(() => logged.map(({ event }) => event)).toContain("slack.interaction-failed");

  expect(statuses).toEqual([200]);
  expect(JSON.stringify(logged)).not.toContain("secret words");
});
