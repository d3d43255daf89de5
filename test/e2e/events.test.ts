import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { seededRandom } from "#core/random.ts";
import { discordLimits } from "../fixtures/bots/faster.ts";
import { openDiscordDouble } from "../fixtures/discord/discord-double.ts";
import { letTalk } from "../fixtures/events/crowd.ts";
import { discordStage } from "../fixtures/events/discord-stage.ts";
import { judge, type Verdict } from "../fixtures/events/judge.ts";
import { openBot } from "../fixtures/events/open-bot.ts";
import { createOracle } from "../fixtures/events/oracle.ts";
import { replyTo, textOf } from "../fixtures/events/question.ts";
import { slackStage } from "../fixtures/events/slack-stage.ts";
import type { Stage } from "../fixtures/events/stage.ts";
import { openSlackDouble } from "../fixtures/slack/slack-double.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";
import { makeTempFolder } from "../unit/store/sqlite/temp-store.ts";

/** How Slack's events arrive; one way alone where the environment names it. */
const MODES = (["socket", "http"] as const).filter((mode) => (process.env["EVENTS_MODE"] ?? mode) === mode);
/** Seeded; the soak asks for 50,000 of each mode. Half of them on each platform. */
const SEEDED_EVENTS = 2000;
const EVENTS = Number(process.env["EVENTS"] ?? SEEDED_EVENTS);
/**
 * By how much the platforms' limits and the connectors' paces are faster. At their own pace a hundred thousand events take more
 * than an hour of waiting, most of it for Slack's fifty edits a minute. Nothing else is faster: how long the bot waits for calls,
 * commands and acknowledgements, nor when events are delivered again.
 */
const SPEED_UP = Number(process.env["EVENTS_SPEED_UP"] ?? (EVENTS > SEEDED_EVENTS ? 20 : 1));
/** On each platform; in each of them one thing happens at a time, so no more than this many do at once. */
const PLACES = 16;
const TWICE = 0.1;
const LATE = 0.05;
const CUT_EVERY = 500;
const SETTLED_WITHIN_MS = 120_000;
const SCORED_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 240_000;
const RETRY_DELAYS_MS = [50, 200, 1000, 3000, 10_000];

/** Both doubles with their people, and the bot, which can be stopped and started anew. */
async function openTrial(mode: "socket" | "http", given: { readonly places: number; readonly speedUp: number }) {
  const discord = await openDiscordDouble({
    chaos: { twiceRatio: TWICE, swappedRatio: LATE, cutEvery: CUT_EVERY },
    limits: discordLimits(given.speedUp),
    seed: 5,
  });
  onTestFinished(() => discord.close());
  const slack = await openSlackDouble({ speedUp: given.speedUp, retryDelaysMs: RETRY_DELAYS_MS });
  onTestFinished(() => slack.close());
  const chaos = { mode, twiceRatio: TWICE, lateRatio: LATE, cutEvery: CUT_EVERY, seed: 6 };
  const stages: readonly Stage[] = [discordStage(discord, given.places), slackStage(slack, given.places, chaos)];
  const oracle = createOracle();
  const directory = makeTempFolder();
  const start = () => openBot(directory, { discord, slack, mode, speedUp: given.speedUp });
  const trial = { bot: await start() };
  onTestFinished(() => trial.bot.stop(), STOPPED_WITHIN_MS);
  const standing = new Map<string, string>();
  let numbers = 0;
  const nextNumber = () => ++numbers;

  /** Waits until what is stored of a reply is what people think of it now. */
  async function settleScores(number: number): Promise<void> {
    const { chat } = trial.bot.stores;
    // What is told again after ten seconds is on its way for as long. What never comes is found by the judge.
    for (const untilMs = performance.now() + SCORED_WITHIN_MS; performance.now() < untilMs; ) {
      const asked = oracle.find(number);
      const { workspaceId, channelId } = asked.place;
      const turn = await chat.findTurnByMessage(workspaceId, channelId, asked.messageId);
      const given = turn === undefined ? [] : await chat.listFeedback(turn.id);
      const scores = given.flatMap(({ userId, score }) => (score === undefined ? [] : [`${userId} ${score}`]));
      const wanted = [...asked.scores].map(([userId, score]) => `${userId} ${score}`);
      // A command that names no reply means the newest one that is stored with its place.
      const isPlaced = turn?.messages.some(({ role }) => role === "reply") === true;
      if (isPlaced && scores.toSorted().join() === wanted.toSorted().join()) return;
      await sleep(10);
    }
  }

  return {
    discord,
    slack,
    stages,
    oracle,
    standing,
    nextNumber,
    bot: () => trial.bot,
    async restart(whileDown: () => void) {
      await trial.bot.stop();
      whileDown();
      trial.bot = await start();
    },
    talk: (events: number) =>
      Promise.all(
        stages.map((stage, index) => {
          const random = seededRandom(index + 1);
          return letTalk({ stage, oracle, events, random, nextNumber, standing, settleScores });
        }),
      ),
    judge: () => settledVerdict(() => judge(oracle, stages, trial.bot.stores)),
  };
}

test.each(MODES)(
  "what people do on Discord and on Slack (%s) is answered and scored once, however it arrives",
  { timeout: 3_600_000 },
  async (mode) => {
    const { discord, slack, stages, bot, oracle, ...trial } = await openTrial(mode, {
      places: PLACES,
      speedUp: SPEED_UP,
    });
    const startedAtMs = performance.now();
    const cpuBefore = process.cpuUsage();
    await trial.talk(EVENTS / (2 * MODES.length)).catch((error: unknown) => {
      // What the bot itself said of it.
      process.stdout.write(`${JSON.stringify(Object.fromEntries(bot().troubles))}\n`);
      throw error;
    });
    const verdict = await trial.judge();
    const { user, system } = process.cpuUsage(cpuBefore);
    const { wrong, ...faults } = verdict;
    const scores = oracle.questions.reduce((sum, asked) => sum + asked.scores.size, 0);
    tellFigures(`events over Discord's gateway and Slack's ${mode}`, {
      speedUp: SPEED_UP,
      events: stages.reduce((sum, stage) => sum + stage.events, 0),
      questions: oracle.questions.filter(({ isWanted }) => isWanted).length,
      scores,
      ...Object.assign({}, ...stages.map(({ figures }) => figures)),
      ...faults,
      ...Object.fromEntries(stages.map(({ platform, overLimit }) => [`${platform}OverLimit`, overLimit])),
      seconds: Math.round((performance.now() - startedAtMs) / 1000),
      cpuSeconds: Math.round((user + system) / 1_000_000),
      troubles: JSON.stringify(Object.fromEntries(bot().troubles)),
    });
    expect(discord.failures).toEqual([]);
    expect(wrong).toEqual([]);
    expect(faults).toEqual(Object.fromEntries(Object.keys(faults).map((name) => [name, 0])));
    expect(stages.map(({ platform, overLimit }) => [platform, overLimit])).toEqual([
      ["discord", 0],
      ["slack", 0],
    ]);
    expect(slack.calls.length).toBeGreaterThan(0);
  },
);

test("what people do while the bot is away is caught up with, once", { timeout: 300_000 }, async () => {
  const trial = await openTrial("socket", { places: 8, speedUp: 20 });
  const { stages, oracle } = trial;
  await trial.talk(60);
  expect((await trial.judge()).wrong).toEqual([]);
  const missed = { questions: 0, reactions: 0, deletions: 0 };

  /** In every place somebody asks, and opinions of the newest reply change; no event tells of it. */
  function actUnheard(stage: Stage): void {
    for (const place of stage.places) {
      const [first = "", second = first] = place.people;
      const number = trial.nextNumber();
      const text = textOf({ number, version: 0 });
      const messageId = stage.say(place, first, text, { mentionsBot: place.needsMention, isMissed: true });
      oracle.ask({ number, place, askerId: first, messageId, isWanted: true });
      missed.questions++;
      // Nobody knows which words an emoji was meant for where those were edited.
      const rated = oracle.questions.findLast(
        (asked) => asked.place === place && asked.number !== number && asked.isWanted && !asked.isDeleted,
      );
      const reply = stage
        .shown(place)
        .find(({ text: shown }) => rated !== undefined && shown === replyTo(rated.question));
      if (rated === undefined || reply === undefined || rated.question.version > 0) continue;
      // Discord tells with a reply that its question is gone; Slack does not.
      if (stage.platform === "discord" && place === stage.places[1]) {
        stage.delete(place, rated.messageId, true);
        oracle.delete(rated.number);
        missed.deletions++;
        continue;
      }
      const key = `${rated.number} ${second}`;
      const before = trial.standing.get(key);
      const given = stage.emoji.find(({ emoji }) => emoji !== before);
      if (given === undefined || rated.askerId === second) continue;
      stage.react(place, { messageId: reply.messageId, userId: second, emoji: given.emoji }, false, true);
      oracle.react(rated.number, second, given);
      trial.standing.set(key, given.emoji);
      missed.reactions++;
      if (before === undefined) continue;
      stage.react(place, { messageId: reply.messageId, userId: second, emoji: before }, true, true);
      oracle.unreact(rated.number, second, before);
      missed.reactions++;
    }
  }

  for (const stage of stages) await stage.loseSession?.(() => actUnheard(stage));
  expect((await trial.judge()).wrong).toEqual([]);
  await trial.restart(() => stages.forEach(actUnheard));
  expect((await trial.judge()).wrong).toEqual([]);
  await trial.restart(() => {});
  await sleep(2000);
  const { wrong, ...faults } = await trial.judge();
  tellFigures("events that nobody heard", { ...missed, ...faults });
  expect(wrong).toEqual([]);
  expect(missed.questions).toBe(8 * 3);
  expect(missed.reactions).toBeGreaterThan(0);
  expect(missed.deletions).toBeGreaterThan(0);
});

/** The last events are on their way when people fall silent. */
async function settledVerdict(look: () => Promise<Verdict>): Promise<Verdict> {
  const untilMs = performance.now() + SETTLED_WITHIN_MS;
  for (;;) {
    const verdict = await look();
    if (verdict.wrong.length === 0 || performance.now() > untilMs) return verdict;
    await sleep(500);
  }
}
