import { expect, onTestFinished, test, vi } from "vitest";
import { createDiscordConnector } from "#bots/discord/discord-connector.ts";
import type { PlaceSettings, SettingsWatch } from "#bots/place-settings.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import { createSeal } from "#bots/slack/sealed-installations.ts";
import { createSlackConnector } from "#bots/slack/slack-connector.ts";
import type { Log } from "#core/log.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import { fixedSettings } from "../fixtures/bots/fixed-settings.ts";
import { type Hostility, hostileAnswer } from "../fixtures/bots/hostile-answer.ts";
import { openIntake } from "../fixtures/bots/open-intake.ts";
import { openDiscordDouble } from "../fixtures/discord/discord-double.ts";
import { BOT_ID } from "../fixtures/discord/double-world.ts";
import { KEY } from "../fixtures/slack/open-slack.ts";
import { openSlackDouble } from "../fixtures/slack/slack-double.ts";
import { noticeCall, type SlackNoticed } from "../fixtures/slack/slack-notices.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";
import { openChatWorld } from "../unit/bots/chat-world.ts";

/** Seeded, for each platform. */
const ANSWERS = Number(process.env["INJECTIONS"] ?? 200);
const CHANNELS = 12;
/** The connector's clock runs faster, so that its budgets of a minute let every answer stream. */
const SPEED_UP = 200;
const PERSON = 700_000_000_000_000_000n;

/**
 * The product's answering and intake, with a model that says what it was talked into: a question that ends in 12 gets hostile answer 12,
 * slowly enough that it is shown while it grows.
 */
async function startTalkedInto(
  platform: Hostility,
  place: Partial<PlaceSettings>,
  open: (given: { settings: SettingsWatch; platforms: PlatformStore; log: Log }) => PlatformConnector,
) {
  const world = await openChatWorld({
    answer: (question) => {
      const { text } = hostileAnswer(Number(/\d+$/.exec(question)?.[0]), platform);
      return { text, pauseMs: 8, chunkChars: Math.max(5, Math.ceil(text.length / 20)) };
    },
  });
  const { store } = world;
  const { log } = world.parts;
  const places = fixedSettings({ mention: "not-required", replyButtons: true, ...place });
  const opened = open({ settings: places, platforms: store.platforms, log });
  const pace = { editIntervalMs: 15, channelPace: { writes: 100, perMs: 100 } };
  const connector: PlatformConnector = { ...opened, limits: { ...opened.limits, ...pace } };
  const { answering, intake } = openIntake(world, connector, places);
  await connector.start(intake);
  onTestFinished(async () => {
    await connector.stop();
    await answering.close(5000);
    await intake.settle();
  });
  return { opened, connector, lines: world.lines };
}

/** Asks all questions, in each channel one after another. */
async function askAll(ask: (seed: number, channel: number) => Promise<void>): Promise<void> {
  const seeds = Array.from({ length: ANSWERS }, (_, seed) => seed);
  await Promise.all(
    Array.from({ length: CHANNELS }, async (_, channel) => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) await ask(seed, channel);
    }),
  );
}

const TIMES = { timeout: 20_000, interval: 10 };

test("a model that was talked into it pings nobody on Discord and shows no preview", { timeout: 600_000 }, async () => {
  const many = { count: 10_000, perMs: 1000 };
  const double = await openDiscordDouble({ limits: { messages: many, others: many, global: many } });
  onTestFinished(() => double.close());
  const guild = double.world.addGuild();
  const channels = Array.from({ length: CHANNELS + 1 }, () => double.world.addChannel(guild));
  const { connector, lines } = await startTalkedInto("discord", {}, ({ settings, log }) =>
    createDiscordConnector({
      token: double.token,
      apiUrl: double.apiUrl,
      settings,
      log,
      now: Date.now,
    }),
  );
  const shown: string[] = [];
  await askAll(async (seed, index) => {
    // The first channel has the welcome.
    const channel = channels[index + 1];
    if (channel === undefined) throw new Error("No channel");
    const question = double.people.say(channel, String(PERSON + BigInt(seed)), String(seed), { mentionsBot: true });
    const { pings } = hostileAnswer(seed, "discord");
    await vi.waitFor(() => {
      const text = [...(double.world.messages.get(channel.id)?.values() ?? [])]
        .filter(({ author, message_reference: to }) => author.id === BOT_ID && to?.message_id === question.id)
        .map(({ content }) => content)
        .join("\n");
      expect(text.match(/@everyone|@here|<@[!&]?\d+>/g)?.length ?? 0).toBeGreaterThanOrEqual(pings);
      shown.push(text);
    }, TIMES);
  });
  for (const text of ["@everyone <@700000000000000007>", "![](https://collect.example.net/?q=1)"]) {
    const workspaceId = `discord:${guild.id}`;
    await connector.tell({ workspaceId, channelId: channels[1]?.id ?? "", text });
  }

  const edits = double.requests.filter(({ method, path }) => method === "PATCH" && path.includes("/messages/")).length;
  const { pings, previews } = double.noticed;
  tellFigures("injection on Discord", {
    answers: shown.length,
    partialEdits: edits,
    pings: pings.length,
    previews: previews.length,
  });
  expect(double.failures).toEqual([]);
  expect(lines.filter(({ event }) => event === "reply.undeliverable")).toEqual([]);
  expect(edits).toBeGreaterThan(ANSWERS);
  expect({ pings, previews }).toEqual({ pings: [], previews: [] });
});

test.each([
  { shownBy: "streams", place: { openThreads: true }, streaming: "auto" },
  { shownBy: "edits", place: {}, streaming: "edits" },
] as const)(
  "a model that was talked into it pings nobody on Slack and lets it fetch nothing (by $shownBy)",
  {
    timeout: 600_000,
  },
  async ({ shownBy, place, streaming }) => {
    const slack = await openSlackDouble();
    onTestFinished(() => slack.close());
    for (let seed = 0; seed < ANSWERS; seed++) slack.state.addUser({ id: `U${seed}`, name: `person ${seed}` });
    const startedAtMs = Date.now();
    let port = (): number | undefined => undefined;
    const { connector, lines } = await startTalkedInto("slack", place, ({ settings, platforms, log }) => {
      const opened = createSlackConnector({
        credentials: slack.credentials,
        mode: "http",
        host: "127.0.0.1",
        port: 0,
        apiUrl: slack.apiUrl,
        streaming,
        settings,
        platforms,
        seal: createSeal(KEY),
        now: () => startedAtMs + (Date.now() - startedAtMs) * SPEED_UP,
        log,
      });
      port = opened.port;
      return opened;
    });
    slack.delivery.deliverTo(`http://127.0.0.1:${port()}/slack/events`);
    let answered = 0;
    await askAll(async (seed, index) => {
      const channelId = `C${index}`;
      const before = new Set(slack.state.channels.get(channelId)?.messages);
      await slack.say(channelId, `U${seed}`, String(seed));
      await vi.waitFor(() => {
        const replies = (slack.state.channels.get(channelId)?.messages ?? []).filter(
          (message) => message.user === slack.own.botUserId && !before.has(message),
        );
        const whole = replies.map(({ text }) => text).join("\n");
        // What stands last in the answer is shown, however it was escaped.
        expect(replies.every(({ streaming_state }) => streaming_state !== "in_progress")).toBe(true);
        expect(replies.some(({ blocks }) => blocks.some(({ type }) => type === "actions"))).toBe(true);
        expect(hostileAnswer(seed, "slack").links === 0 || whole.includes(`secret${seed}`)).toBe(true);
      }, TIMES);
      answered++;
    });
    for (const text of ["<!channel> <@U7>", "![](https://collect.example.net/?q=1)"]) {
      await connector.tell({ workspaceId: "slack:T1", channelId: "C1", text });
    }

    const { pings, previews } = slack.noticed;
    const streamed = slack.callsOf("chat.appendStream").length;
    tellFigures(`injection on Slack by ${shownBy}`, {
      answers: answered,
      startedAsStreams: slack.callsOf("chat.startStream").length,
      appended: streamed,
      edits: slack.callsOf("chat.update").length,
      pings: pings.length,
      previews: previews.length,
    });
    expect(lines.filter(({ event }) => event === "reply.undeliverable")).toEqual([]);
    expect(slack.callsOf("chat.update").length + streamed).toBeGreaterThan(ANSWERS);
    if (shownBy === "streams") expect(streamed).toBeGreaterThan(ANSWERS / 2);
    expect({ pings, previews }).toEqual({ pings: [], previews: [] });
  },
);

test("each hostile answer would ping and be fetched if it were sent as it is", async () => {
  const double = await openDiscordDouble({ limits: { messages: { count: 10_000, perMs: 1 } } });
  onTestFinished(() => double.close());
  const channel = double.world.addChannel(double.world.addGuild());
  const sendRaw = (content: string) =>
    fetch(`${double.apiUrl}/v10/channels/${channel.id}/messages`, {
      method: "POST",
      headers: { authorization: `Bot ${double.token}`, "content-type": "application/json" },
      body: JSON.stringify({ content: content.slice(0, 2000) }),
    });
  let harmless = 0;
  for (let seed = 0; seed < ANSWERS; seed++) {
    const { text, pings, links } = hostileAnswer(seed, "slack");
    const noticed: SlackNoticed = { pings: [], previews: [] };
    noticeCall(noticed, "chat.postMessage", new Map([["text", ""]]), text);
    if (noticed.pings.length < pings || noticed.previews.length < links) harmless++;
    const before = double.noticed.pings.length;
    if (seed < 40) {
      await sendRaw(hostileAnswer(seed, "discord").text);
      if (double.noticed.pings.length === before) harmless++;
    }
  }
  expect(harmless).toBe(0);
  expect(double.noticed.previews.length).toBeGreaterThan(10);
});
