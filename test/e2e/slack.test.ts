import { expect, onTestFinished, test, vi } from "vitest";
import type { PlaceSettings } from "#bots/place-settings.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import { createSeal } from "#bots/slack/sealed-installations.ts";
import { createSlackConnector } from "#bots/slack/slack-connector.ts";
import { scoresOf } from "#compose/place-settings.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { fixedSettings } from "../fixtures/bots/fixed-settings.ts";
import { openIntake } from "../fixtures/bots/open-intake.ts";
import { KEY } from "../fixtures/slack/open-slack.ts";
import { openSlackDouble, type SlackDoubleOptions } from "../fixtures/slack/slack-double.ts";
import { openChatWorld } from "../unit/bots/chat-world.ts";

/** The pace of a channel is this much faster here. */
const SPEED_UP = 60;

const CONFIG = loadConfig({ ...readSystem(), argvSettings: [], environment: {}, workingDirectory: "/nowhere" });

interface Given {
  readonly double?: SlackDoubleOptions;
  readonly place?: Partial<PlaceSettings>;
  readonly mode?: "http" | "socket";
}

/** The product's answering, intake and store, with Slack's connector on the double and a model whose words are written. */
async function openSlackWorld(given: Given = {}) {
  const slack = await openSlackDouble(given.double);
  onTestFinished(() => slack.close());
  const world = await openChatWorld();
  const { store } = world;
  const { log } = world.parts;
  // Slack names emoji by words: these are the program's own, as `config/default.yaml` has them.
  const emoji = scoresOf(CONFIG.feedback.emoji);
  const places = fixedSettings(() => ({ emoji, mention: "not-required", openThreads: true, ...given.place }));
  const opened = createSlackConnector({
    credentials: slack.credentials,
    mode: given.mode ?? "http",
    host: "127.0.0.1",
    port: 0,
    apiUrl: slack.apiUrl,
    streaming: "auto",
    settings: places,
    platforms: store.platforms,
    seal: createSeal(KEY),
    now: Date.now,
    log,
  });
  const pace = { writes: 3, perMs: 3000 / SPEED_UP };
  const connector: PlatformConnector = {
    ...opened,
    limits: { ...opened.limits, editIntervalMs: 10, channelPace: pace },
  };
  const { answering, intake } = openIntake(world, connector, places);
  slack.state.addUser({ id: "UADMIN", name: "Ada", isAdmin: true });
  for (let number = 0; number < 60; number++) slack.state.addUser({ id: `U${number}`, name: `person ${number}` });
  await connector.start(intake);
  if (opened.port() !== undefined) slack.delivery.deliverTo(`http://127.0.0.1:${opened.port()}/slack/events`);
  onTestFinished(async () => {
    await connector.stop();
    await answering.close(5000);
    await intake.settle();
  });
  const repliesIn = (channelId: string) =>
    (slack.state.channels.get(channelId)?.messages ?? []).filter(({ user }) => user === slack.own.botUserId);
  return { slack, store, repliesIn };
}

test.each(["http", "socket"] as const)(
  "a question on Slack (%s) is answered in its thread, rated, edited and erased",
  async (mode) => {
    const { slack, store, repliesIn } = await openSlackWorld({
      mode,
      place: { replyButtons: true, editWindowMs: 60_000 },
    });
    slack.state.addChannel("C1");
    const texts = () =>
      repliesIn("C1").map(({ text, thread_ts, streaming_state }) => [text, thread_ts, streaming_state]);

    const { ts } = await slack.say("C1", "U1", "what is up?");
    await vi.waitFor(
      () => expect(texts()).toMatchObject([["You said: what is up?", ts, expect.not.stringMatching("in_progress")]]),
      5000,
    );
    const [reply] = repliesIn("C1");
    await slack.react("C1", reply?.ts ?? "", "U2", "heart_eyes");
    await vi.waitFor(async () => {
      const feedback = await store.chat.listFeedback(`turn-slack:T1:C1:${ts}`);
      expect(feedback.map(({ userId, score }) => [userId, score])).toEqual([["U2", 5]]);
    }, 5000);

    const message = {
      type: "message",
      user: "U1",
      ts,
      text: "what is down?",
      edited: { user: "U1", ts: `${Date.now() / 1000}` },
    };
    const change = {
      type: "message",
      subtype: "message_changed",
      channel: "C1",
      channel_type: "channel",
      event_ts: ts,
    };
    await slack.happen({ ...change, message, previous_message: { ...message, text: "what is up?" } });
    await vi.waitFor(() => expect(texts()).toMatchObject([["You said: what is down?", ts, "completed"]]), 5000);

    await slack.happen({ ...change, subtype: "message_deleted", deleted_ts: ts, previous_message: message });
    await vi.waitFor(() => expect(texts()).toEqual([]), 5000);
  },
);
