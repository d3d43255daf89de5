import { expect, onTestFinished, test, vi } from "vitest";
import { createDiscordConnector } from "#bots/discord/discord-connector.ts";
import type { PlaceSettings } from "#bots/place-settings.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import { fixedSettings } from "../fixtures/bots/fixed-settings.ts";
import { openIntake } from "../fixtures/bots/open-intake.ts";
import { type DiscordDoubleOptions, openDiscordDouble } from "../fixtures/discord/discord-double.ts";
import { BOT_ID, type StoredChannel, type StoredMessage } from "../fixtures/discord/double-world.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";
import { openChatWorld } from "../unit/bots/chat-world.ts";

/** Seeded; the soak asks for 100,000. */
const EVENTS = Number(process.env["EVENTS"] ?? 2000);
const MESSAGE_SHARE = 5;
const PERSON = 700_000_000_000_000_000n;

/** Discord's limits at fifty times the speed, so that a trial ends. */
const FAST = { count: 5, perMs: 100 };
const FAST_PACE = { editIntervalMs: 20, channelPace: { writes: FAST.count, perMs: FAST.perMs } };

/** The product's answering, intake and store, with Discord's connector on the double and a model whose words are written. */
async function openDiscordWorld(given: {
  readonly double?: DiscordDoubleOptions;
  readonly place?: Partial<PlaceSettings>;
}) {
  const double = await openDiscordDouble(given.double);
  onTestFinished(() => double.close());
  const guild = double.world.addGuild();
  const channels = Array.from({ length: 20 }, () => double.world.addChannel(guild));
  const world = await openChatWorld();
  const { store, lines } = world;
  const { log } = world.parts;
  const places = fixedSettings(() => ({ offerEmoji: false, replyButtons: false, ...given.place }));
  const opened = createDiscordConnector({
    token: double.token,
    apiUrl: double.apiUrl,
    settings: places,
    log,
    now: Date.now,
  });
  const connector: PlatformConnector = { ...opened, limits: { ...opened.limits, ...FAST_PACE } };
  const { answering, intake } = openIntake(world, connector, places);
  await connector.start(intake);
  onTestFinished(async () => {
    await connector.stop();
    await answering.close(5000);
    await intake.settle();
  });
  // The first one has the welcome.
  const [, channel] = channels;
  if (channel === undefined) throw new Error("No channel");
  const repliesIn = ({ id }: StoredChannel) =>
    [...(double.world.messages.get(id)?.values() ?? [])].filter(({ author }) => author.id === BOT_ID);
  return { double, channels, channel, store, lines, repliesIn };
}

const person = (number: number) => String(PERSON + BigInt(number));

test("a question on Discord is answered, rated, edited and erased", async () => {
  const { double, channel, store, repliesIn } = await openDiscordWorld({
    place: { offerEmoji: true, replyButtons: true, editWindowMs: 60_000 },
  });
  const question = double.people.say(channel, person(1), "what is up?", { mentionsBot: true });

  await vi.waitFor(
    () => expect(repliesIn(channel).map(({ content }) => content)).toEqual(["You said: what is up?"]),
    5000,
  );
  const reply = repliesIn(channel)[0] as StoredMessage;
  await vi.waitFor(() => expect([...reply.pressed.keys()]).toHaveLength(5), 5000);
  double.people.react(reply, person(2), "😍");
  const turnId = `turn-discord:${question.id}`;
  await vi.waitFor(async () => {
    const feedback = await store.chat.listFeedback(turnId);
    expect(feedback.map(({ userId, score }) => [userId, score])).toEqual([[person(2), 5]]);
  }, 5000);

  double.people.edit(question, `<@${BOT_ID}> what is down?`);
  await vi.waitFor(
    () => expect(repliesIn(channel).map(({ content }) => content)).toEqual(["You said: what is down?"]),
    5000,
  );
  double.people.delete(question);
  await vi.waitFor(() => expect(repliesIn(channel)).toEqual([]), 5000);
  expect(double.noticed).toEqual({ pings: [], previews: [] });
}, 30_000);

test("events that come twice, out of order and over cut connections are taken once", {
  timeout: 3_600_000,
}, async () => {
  const { double, channels, store, repliesIn, lines } = await openDiscordWorld({
    double: {
      chaos: { twiceRatio: 0.1, swappedRatio: 0.05, cutEvery: 500 },
      limits: { messages: FAST, global: { count: 1000, perMs: 1000 } },
      seed: 5,
    },
  });
  const questions: StoredMessage[] = [];
  const reactions: { readonly turnId: string; readonly userId: string }[] = [];
  let sent = 0;
  let index = 0;
  const talkIn = async (channel: StoredChannel) => {
    while (sent < EVENTS) {
      const number = index++;
      sent++;
      const question = double.people.say(channel, person(number % 50), `question ${number}`, { mentionsBot: true });
      questions.push(question);
      const answer = await vi.waitFor(
        () => {
          const found = repliesIn(channel).find(({ message_reference: to }) => to?.message_id === question.id);
          if (found === undefined) throw new Error("Not answered yet");
          return found;
        },
        { timeout: 30_000, interval: 10 },
      );
      for (let rater = 1; rater < MESSAGE_SHARE && sent < EVENTS; rater++, sent++) {
        double.people.react(answer, person(1000 + rater), "🙂");
        reactions.push({ turnId: `turn-discord:${question.id}`, userId: person(1000 + rater) });
      }
    }
  };
  await Promise.all(channels.map(talkIn));
  double.gateway.release();

  const answered = channels.flatMap(repliesIn);
  const perQuestion = questions.map(
    ({ id }) => answered.filter(({ message_reference: to }) => to?.message_id === id).length,
  );
  const scoresOf = async () => {
    const turnIds = [...new Set(reactions.map(({ turnId }) => turnId))];
    return (await Promise.all(turnIds.map((turnId) => store.chat.listFeedback(turnId)))).flat();
  };
  await vi.waitFor(async () => expect(await scoresOf()).toHaveLength(reactions.length), 20_000);
  const { counts } = double.gateway;
  const figures = {
    events: sent,
    delivered: counts.sent,
    cuts: counts.cut,
    resumed: counts.resumed,
    unanswered: perQuestion.filter((count) => count === 0).length,
    answeredTwice: perQuestion.filter((count) => count > 1).length,
    scores: (await scoresOf()).length,
    overLimit: double.counts.overLimit,
  };
  tellFigures("events of Discord", figures);
  expect(figures).toMatchObject({ unanswered: 0, answeredTwice: 0, overLimit: 0 });
  expect(figures.cuts).toBeGreaterThan(1);
  expect(lines.filter(({ event }) => event === "discord.event-lost")).toEqual([]);
});
