import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createSeal } from "#bots/slack/sealed-installations.ts";
import { createSlackConnector } from "#bots/slack/slack-connector.ts";
import { fixedSettings } from "../../../fixtures/bots/fixed-settings.ts";
import { partialIntake } from "../../../fixtures/bots/recording-intake.ts";
import { KEY, openSlack, replyPart, WORKSPACE } from "../../../fixtures/slack/open-slack.ts";
import { openSlackDouble } from "../../../fixtures/slack/slack-double.ts";
import { openTempStore } from "../../store/sqlite/temp-store.ts";
import { recordingLog } from "../chat-world.ts";

test("createSlackConnector() hands a mention in and posts the reply as one message", async () => {
  const { slack, connector, of } = await openSlack();

  const { ts, statuses } = await slack.say("C1", "UANA", "<@UBOT> What is *this*, <@UBO>? &lt;b&gt;");
  const posted = await connector.post(replyPart({ inReplyTo: ts, text: "First", isFinal: false }));
  await connector.edit(posted, replyPart({ inReplyTo: ts, text: "First and last" }));

  expect(statuses).toEqual([200]);
  expect(of("acceptMessage")).toEqual([
    [
      `slack:T1:C1:${ts}`,
      {
        platform: "slack",
        workspaceId: WORKSPACE,
        channelId: "C1",
        visibility: "public",
        userId: "UANA",
        messageId: ts,
        text: "What is **this**, @Bo? <b>",
        sentAtMs: Math.round(Number(ts) * 1000),
      },
    ],
  ]);
  const own = slack.state.channels.get("C1")?.messages.filter(({ user }) => user === "UBOT") ?? [];
  expect(own.map(({ text }) => text)).toEqual(["First and last"]);
});

test.each(["http", "socket"] as const)(
  "an event is acknowledged over %s only when the intake has stored it",
  async (mode) => {
    const order: string[] = [];
    const acceptMessage = async () => {
      await sleep(60);
      order.push("stored");
    };
    const { slack } = await openSlack({ mode, intake: { acceptMessage } });

    const { statuses, acknowledgedMs } = await slack.say("C1", "UANA", "<@UBOT> hi");
    order.push("acknowledged");

    expect(statuses).toEqual([200]);
    expect(order).toEqual(["stored", "acknowledged"]);
    expect(acknowledgedMs).toBeGreaterThan(50);
  },
);

test.each(["http", "socket"] as const)(
  "an event that could not be stored is not acknowledged over %s, and comes again",
  async (mode) => {
    const ids: string[] = [];
    const acceptMessage = async (eventId: string) => {
      ids.push(eventId);
      if (ids.length < 3) throw new Error("disk full");
    };
    const { slack, logged } = await openSlack({
      mode,
      intake: { acceptMessage },
      double: { retryDelaysMs: [5, 5, 5], acknowledgeMs: 300 },
    });

    const { ts, statuses } = await slack.say("C1", "UANA", "<@UBOT> my words");

    expect(statuses).toEqual(mode === "http" ? [500, 500, 200] : [0, 0, 200]);
    expect(ids).toEqual([1, 2, 3].map(() => `slack:T1:C1:${ts}`));
    expect(logged.map(({ event }) => event)).toContain("slack.event-failed");
    expect(JSON.stringify(logged)).not.toContain("my words");
  },
);

test("a mention that Slack delivers twice, as message and as mention, has one event id", async () => {
  const { slack, of } = await openSlack();

  const { ts } = await slack.say("C1", "UANA", "<@UBOT> hi");
  await slack.happen({ type: "app_mention", user: "UANA", text: "<@UBOT> hi", ts, channel: "C1", event_ts: ts });

  expect(new Set(of("acceptMessage").map(([eventId]) => eventId)).size).toBe(1);
  expect(of("acceptMessage")[1]).toEqual(of("acceptMessage")[0]);
});

test.each([
  ["another bot's message", { user: "UOTHERBOT", bot_id: "BX" }],
  ["the bot's own message", { user: "UBOT" }],
  ["a notice that somebody joined", { subtype: "channel_join" }],
])("%s is acknowledged and not handed in", async (_what, given) => {
  const { slack, of } = await openSlack();

  const { statuses } = await slack.say("C1", "UANA", "<@UBOT> hi", given);

  expect(statuses).toEqual([200]);
  expect(of("acceptMessage")).toEqual([]);
});

test.each([
  ["C1", "public"],
  ["G1", "private"],
  ["DANA", "direct"],
  ["CSHARED", "private"],
])("a message in %s is %s", async (channelId, visibility) => {
  const { slack, of } = await openSlack();
  slack.state.addChannel("CSHARED", "channel", { isShared: true });

  await slack.say(channelId, "UANA", "<@UBOT> hi");

  expect(of("acceptMessage")[0]?.[1]).toMatchObject({ visibility });
});

test("wants() is told whether the bot is meant: mention, direct message, its threads", async () => {
  const addressed: boolean[] = [];
  const { slack, connector } = await openSlack({
    intake: {
      wants: (glance) => {
        addressed.push(glance.isAddressed);
        return false;
      },
    },
  });
  const root = await slack.say("C1", "UANA", "nobody in particular");
  await slack.say("C1", "UANA", "<@UBOT> you");
  await slack.say("DANA", "UANA", "you, of course");
  await slack.say("C1", "UBO", "in a thread", { thread_ts: root.ts });
  await connector.post(replyPart({ threadId: root.ts }));
  await slack.say("C1", "UBO", "in the same thread", { thread_ts: root.ts });

  expect(addressed).toEqual([false, true, true, false, true]);
});

test("a thread stays the bot's after a restart", async () => {
  const { slack, connector, platforms } = await openSlack();
  const root = await slack.say("C1", "UANA", "<@UBOT> hi");
  await connector.post(replyPart({ threadId: root.ts }));
  await connector.stop();
  const again = await openSlack({ slack, platforms, intake: { wants: ({ isAddressed }) => isAddressed } });

  await slack.say("C1", "UBO", "and then?", { thread_ts: root.ts });

  expect(again.of("acceptMessage")).toHaveLength(1);
});

test("a message is answered in a thread of its own where the settings say so, and in an agent's direct messages", async () => {
  const { slack, of } = await openSlack({ settings: { openThreads: true } });

  const inChannel = await slack.say("C1", "UANA", "<@UBOT> hi");
  const direct = await slack.say("DANA", "UANA", "hi");

  expect(of("acceptMessage").map(([, message]) => message)).toMatchObject([
    { threadId: inChannel.ts },
    { threadId: direct.ts },
  ]);
});

test("an app that is no agent answers direct messages beside them", async () => {
  const { slack, of } = await openSlack({ double: { scopes: ["chat:write"] } });

  await slack.say("DANA", "UANA", "hi");

  expect(of("acceptMessage")[0]?.[1]).not.toHaveProperty("threadId");
});

test("files are handed in with what is needed to fetch them", async () => {
  const { slack, connector, of } = await openSlack();
  const url = `${slack.origin}/files/F9`;
  slack.state.files.set("F9", Buffer.from("contents of the file"));
  const file = { id: "F9", name: "notes.txt", mimetype: "text/plain", size: 20, url_private: url };

  await slack.say("C1", "UANA", "<@UBOT> see", { subtype: "file_share", files: [file] });

  const attachment = { id: "F9", name: "notes.txt", mediaType: "text/plain", bytes: 20, url };
  expect(of("acceptMessage")[0]?.[1]).toMatchObject({ attachments: [attachment] });
  const read = await connector.readAttachment(attachment, WORKSPACE, 8, new AbortController().signal);
  expect(Buffer.from(read).toString()).toBe("contents");
});

test.each([
  ["is not kept by Slack", "https://evil.example/F9", "invalid"],
  ["is gone", "/files/F404", "gone"],
])("readAttachment() refuses a file that %s", async (_what, path, reason) => {
  const { slack, connector } = await openSlack();
  const url = path.startsWith("/") ? slack.origin + path : path;
  const attachment = { id: "F", name: "x", mediaType: "text/plain", bytes: 1, url };

  const reading = connector.readAttachment(attachment, WORKSPACE, 100, new AbortController().signal);

  await expect(reading).rejects.toMatchObject({ code: "PLATFORM_REFUSED", reason });
});

test("an edit is handed in with the event's time, to the millisecond; a preview that Slack adds is none", async () => {
  const { slack, of } = await openSlack();
  const { ts } = await slack.say("C1", "UANA", "<@UBOT> helo");
  const message = { type: "message", user: "UANA", ts, text: "<@UBOT> hello" };
  const change = { type: "message", subtype: "message_changed", channel: "C1", channel_type: "channel", event_ts: ts };
  const previous_message = { ...message, text: "<@UBOT> helo" };

  await slack.happen({
    ...change,
    event_ts: "1800000000.500100",
    message: { ...message, edited: { user: "UANA", ts: "1800000000.000000" } },
    previous_message,
  });
  await slack.happen({ ...change, message: { ...message, attachments: [{}] }, previous_message: message });

  expect(of("acceptEdit")).toEqual([
    [
      {
        workspaceId: WORKSPACE,
        channelId: "C1",
        messageId: ts,
        visibility: "public",
        text: "hello",
        editedAtMs: 1_800_000_000_500,
      },
    ],
  ]);
});

test("a deleted message is handed in, also one that leaves a stone behind", async () => {
  const { slack, of } = await openSlack();
  const base = { type: "message", channel: "C1", channel_type: "channel", event_ts: "5.5" };
  const gone = { user: "UANA", ts: "5.1", text: "x" };

  await slack.happen({ ...base, subtype: "message_deleted", deleted_ts: "5.1", previous_message: gone });
  const stone = { user: "USLACKBOT", ts: "5.2", text: "gone", subtype: "tombstone" };
  await slack.happen({ ...base, subtype: "message_changed", message: stone, previous_message: { ...gone, ts: "5.2" } });

  expect(of("acceptDeletion")).toEqual([
    [{ workspaceId: WORKSPACE, channelId: "C1", messageId: "5.1" }],
    [{ workspaceId: WORKSPACE, channelId: "C1", messageId: "5.2" }],
  ]);
});

test("reactions of people on the bot's messages are handed in, added and taken away", async () => {
  const { slack, connector, of } = await openSlack();
  const { messageId } = await connector.post(replyPart());

  await slack.react("C1", messageId, "UANA", "+1::skin-tone-3");
  await slack.react("C1", messageId, "UANA", "+1::skin-tone-3", true);

  expect(of("acceptFeedback")).toMatchObject([
    [
      {
        workspaceId: WORKSPACE,
        channelId: "C1",
        messageId,
        userId: "UANA",
        source: "reaction",
        emoji: "+1::skin-tone-3",
      },
    ],
    [{ emoji: "+1::skin-tone-3", isRemoval: true }],
  ]);
});

test("reactions of bots, of itself and on other people's messages never count", async () => {
  const { slack, connector, of } = await openSlack();
  const { messageId } = await connector.post(replyPart());
  const { ts } = await slack.say("C1", "UANA", "a person's");

  await slack.react("C1", messageId, "UOTHERBOT", "heart_eyes");
  await slack.react("C1", messageId, "UBOT", "heart_eyes");
  await slack.react("C1", ts, "UBO", "heart_eyes");

  expect(of("acceptFeedback")).toEqual([]);
});

test("channels that go or change, and a bot that comes, are told", async () => {
  const { slack, of } = await openSlack();

  await slack.happen({ type: "channel_deleted", channel: "C1", event_ts: "1.1" });
  const converted = {
    type: "message",
    channel: "C1",
    user: "UADMIN",
    text: "made this private",
    ts: "1.2",
    event_ts: "1.2",
  };
  await slack.happen({ ...converted, subtype: "channel_convert_to_private", channel_type: "group" });
  const joined = { type: "member_joined_channel", channel: "C1", channel_type: "C", team: "T1", event_ts: "1.3" };
  await slack.happen({ ...joined, user: "UBOT", inviter: "UADMIN" });
  await slack.happen({ ...joined, user: "UANA" });

  expect(of("acceptPlaceEvent")).toEqual([
    [{ kind: "joined", workspaceId: WORKSPACE, isNew: false }],
    [{ kind: "channel-deleted", workspaceId: WORKSPACE, channelId: "C1" }],
    [{ kind: "visibility-changed", workspaceId: WORKSPACE, channelId: "C1", visibility: "private" }],
    [{ kind: "joined", workspaceId: WORKSPACE, isNew: true, adminId: "UADMIN" }],
  ]);
});

test("a request whose signature is wrong, too old or from the future is refused", async () => {
  const { slack, connector, of } = await openSlack();
  const body = JSON.stringify(
    slack.envelope({ type: "message", channel: "C1", user: "UANA", text: "<@UBOT> hi", ts: "1.1" }),
  );
  const nowSeconds = Math.floor(Date.now() / 1000);
  const send = async (headers: Record<string, string>) => {
    const url = `http://127.0.0.1:${connector.port()}/slack/events`;
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });
    return response.status;
  };

  expect(await send({ ...slack.delivery.sign(body), "x-slack-signature": `v0=${"0".repeat(64)}` })).toBe(401);
  expect(await send(slack.delivery.sign(body, nowSeconds - 310))).toBe(401);
  expect(await send(slack.delivery.sign(body, nowSeconds + 310))).toBe(401);
  expect(of("acceptMessage")).toEqual([]);
  expect(await send(slack.delivery.sign(body, nowSeconds + 200))).toBe(200);
});

test("an event of a workspace that did not install the app is refused", async () => {
  const { slack, of } = await openSlack();
  const event = {
    type: "message",
    channel: "C1",
    channel_type: "channel",
    user: "UANA",
    text: "<@UBOT> hi",
    ts: "1.1",
  };
  const authorizations = [
    { team_id: "T9", enterprise_id: null, user_id: "UBOT", is_bot: true, is_enterprise_install: false },
  ];

  const { statuses } = await slack.happen(event, { team_id: "T9", authorizations });

  expect(statuses).toEqual([401]);
  expect(of("acceptMessage")).toEqual([]);
});

test("start() rejects with the remedy when Slack refuses the token", async () => {
  const slack = await openSlackDouble();
  const connector = createSlackConnector({
    credentials: { ...slack.credentials, botToken: "xoxb-wrong" },
    mode: "http",
    host: "127.0.0.1",
    port: 0,
    apiUrl: slack.apiUrl,
    streaming: "auto",
    settings: fixedSettings(),
    platforms: openTempStore().platforms,
    seal: createSeal(KEY),
    now: Date.now,
    log: recordingLog().log,
  });

  await expect(connector.start(partialIntake({}))).rejects.toMatchObject({
    code: "PLATFORM_REFUSED",
    reason: "credentials",
  });
  await slack.close();
});

test("a socket that is cut is opened again at once", async () => {
  const { slack, connector, of } = await openSlack({
    mode: "socket",
    double: { retryDelaysMs: [200, 400, 800], acknowledgeMs: 500 },
  });

  expect(connector.isConnected?.()).toBe(true);
  slack.delivery.cutSockets();
  await expect.poll(() => connector.isConnected?.(), { interval: 5 }).toBe(false);
  await expect.poll(() => slack.delivery.socketCount, { timeout: 5000 }).toBe(1);
  slack.delivery.askToReconnect();
  const { statuses } = await slack.say("C1", "UANA", "<@UBOT> still there?");

  expect(statuses.at(-1)).toBe(200);
  expect(of("acceptMessage")).toHaveLength(1);
});

test("showBusy() shows status and stop button in a thread, and takes them away", async () => {
  const { slack, connector } = await openSlack();
  const { ts } = await slack.say("DANA", "UANA", "hi");
  const busy = new AbortController();

  connector.showBusy({ workspaceId: WORKSPACE, channelId: "DANA", threadId: ts, inReplyTo: ts }, busy.signal);
  await expect.poll(() => slack.callsOf("agents.sessions.setStatus").length).toBe(1);
  busy.abort();
  await expect.poll(() => slack.callsOf("agents.sessions.setStatus").length).toBe(2);

  expect(slack.callsOf("agents.sessions.setStatus").map(({ args }) => args.get("status"))).toEqual([
    "processing",
    "active",
  ]);
  const [shown] = slack.callsOf("assistant.threads.setStatus");
  expect(JSON.parse(shown?.args.get("loading_messages") ?? "[]").length).toBeGreaterThan(1);
});

test("showBusy() does not ask again for what this Slack has not", async () => {
  const { slack, connector } = await openSlack({
    double: { without: ["agents.sessions.setStatus", "assistant.threads.setStatus"] },
  });
  for (let round = 0; round < 3; round++) {
    const busy = new AbortController();
    connector.showBusy({ workspaceId: WORKSPACE, channelId: "DANA", threadId: "1.1", inReplyTo: "1.1" }, busy.signal);
    await expect.poll(() => slack.callsOf("agents.sessions.setStatus").length).toBe(1);
    busy.abort();
    await sleep(20);
  }
  expect(slack.callsOf("assistant.threads.setStatus")).toHaveLength(1);
});

test("a thread gets prompts when it is opened and its title from the first question", async () => {
  const { slack } = await openSlack();
  const assistant_thread = { user_id: "UANA", context: {}, channel_id: "DANA", thread_ts: "7.1" };

  await slack.happen({ type: "assistant_thread_started", assistant_thread, event_ts: "7.1" });
  await slack.happen({ type: "app_home_opened", user: "UANA", channel: "DANA", tab: "messages", event_ts: "7.2" });
  await slack.say("DANA", "UANA", "How do I bake bread?", { thread_ts: "7.1" });
  await slack.say("DANA", "UANA", "And cake?", { thread_ts: "7.1" });
  await slack.say("DANA", "UANA", "A new one");

  expect(slack.callsOf("assistant.threads.setSuggestedPrompts")).toHaveLength(2);
  await expect
    .poll(() => slack.callsOf("assistant.threads.setTitle").map(({ args }) => args.get("title")))
    .toEqual(["How do I bake bread?", "A new one"]);
});

test("Slack's stop button ends the reply that is written in the thread", async () => {
  const { slack, connector, of } = await openSlack();
  const { ts } = await slack.say("DANA", "UANA", "hi");
  const posted = await connector.post(replyPart({ channelId: "DANA", threadId: ts, isFinal: false, text: "Begin" }));

  await slack.happen({
    type: "agent_session_stopped",
    channel: "DANA",
    user: "UANA",
    thread_ts: ts,
    streaming_message_ts: [],
    event_ts: "1.1",
  });

  const place = { workspaceId: WORKSPACE, channelId: "DANA", threadId: ts, messageId: posted.messageId };
  expect(of("stopReply")).toEqual([[place]]);
});

test("offerEmoji() puts the emoji under the reply by their names", async () => {
  const { slack, connector } = await openSlack();
  const { messageId } = await connector.post(replyPart());
  const place = { workspaceId: WORKSPACE, channelId: "C1", messageId };

  await connector.offerEmoji(place, ["😞", ":custom_one:", "heart_eyes", "🦄"]);
  await connector.offerEmoji(place, ["😞"]);

  expect(slack.state.find("C1", messageId)?.reactions.map(({ name }) => name)).toEqual([
    "disappointed",
    "custom_one",
    "heart_eyes",
  ]);
});

test("tell() posts to a channel, to one person, and to an admin where no channel is given", async () => {
  const { slack, connector } = await openSlack();

  await connector.tell({ workspaceId: WORKSPACE, channelId: "C1", text: "**Hello** @everyone" });
  await connector.tell({ workspaceId: WORKSPACE, channelId: "C1", onlyTo: "UANA", text: "Only you" });
  await connector.tell({ workspaceId: WORKSPACE, text: "Welcome, admin" });

  expect(slack.state.channels.get("C1")?.messages.map(({ text }) => text)).toEqual(["**Hello** @everyon\u2060e"]);
  expect(slack.callsOf("chat.postEphemeral").map(({ args }) => args.get("user"))).toEqual(["UANA"]);
  expect(slack.state.channels.get("DUADMIN")?.messages.map(({ text }) => text)).toEqual(["Welcome, admin"]);
});

test("tell() leaves a word to one person in their direct messages where it stands beside no conversation", async () => {
  const { slack, connector } = await openSlack({ settings: { adminChannel: "G1" } });

  await connector.tell({ workspaceId: WORKSPACE, onlyTo: "UANA", text: "Welcome" });

  expect(slack.callsOf("chat.postEphemeral")).toEqual([]);
  expect(slack.state.channels.get("DUANA")?.messages.map(({ text }) => text)).toEqual(["Welcome"]);
});

test("tell() reaches the admins in the channel that they chose", async () => {
  const { slack, connector } = await openSlack({ settings: { adminChannel: "G1" } });

  await connector.tell({ workspaceId: WORKSPACE, text: "A reply was reported" });

  expect(slack.state.channels.get("G1")?.messages.map(({ text }) => text)).toEqual(["A reply was reported"]);
  expect(slack.callsOf("conversations.open")).toEqual([]);
});

test("createSlackConnector() names the port and the setting when something else listens there", async () => {
  const { connector } = await openSlack();
  const port = connector.port();

  await expect(openSlack({ ...(port === undefined ? {} : { port }) })).rejects.toMatchObject({
    code: "PLATFORM_REFUSED",
    message: `Cannot listen for Slack on 127.0.0.1:${port}: the port is taken`,
    hint: expect.stringContaining("slack.port"),
  });
});
