import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { seededRandom } from "#core/random.ts";
import { openDiscordDouble } from "../fixtures/discord/discord-double.ts";
import { letTalk } from "../fixtures/events/crowd.ts";
import { discordStage } from "../fixtures/events/discord-stage.ts";
import { judge, type Verdict } from "../fixtures/events/judge.ts";
import { createOracle } from "../fixtures/events/oracle.ts";
import { slackStage } from "../fixtures/events/slack-stage.ts";
import type { Stage } from "../fixtures/events/stage.ts";
import { type Fleet, openFleet } from "../fixtures/fleet/open-fleet.ts";
import { mongoPeer, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { hasRedis } from "../fixtures/redis/start-redis.ts";
import { openSlackDouble } from "../fixtures/slack/slack-double.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

/** Of each platform; `FLEET_EVENTS=5000 FLEET_PROCESSES=4` is the long trial. */
const EVENTS = Number(process.env["FLEET_EVENTS"] ?? 60);
const PROCESSES = Number(process.env["FLEET_PROCESSES"] ?? 2);
const PLACES = 8;
const TWICE = 0.1;
const LATE = 0.05;
const CUT_EVERY = 500;
const RETRY_DELAYS_MS = [50, 200, 1000, 3000];
const SETTLED_WITHIN_MS = 30_000;
const SCORES_WITHIN_MS = 5000;
const canRun = mongoPeer !== undefined && (hasRedis || process.env["CI"] !== undefined);

describe("bots as several processes", () => {
  const mongo = useMongoPeer();

  test.skipIf(!canRun).each(["http", "socket"] as const)(
    "answer each question and keep each score once, whichever of them Slack (%s) tells (needs redis) (needs mongodb)",
    { timeout: 300_000 },
    async (mode) => {
      const slack = await openSlackDouble({ speedUp: 1, retryDelaysMs: RETRY_DELAYS_MS });
      onTestFinished(() => slack.close());
      const stage = slackStage(slack, PLACES, {
        mode,
        twiceRatio: TWICE,
        lateRatio: LATE,
        cutEvery: CUT_EVERY,
        seed: 6,
      });
      const chaos = { twiceRatio: TWICE, lostRatio: 0.05, seed: 7 };
      const fleet = await openFleet({
        processes: PROCESSES,
        mongoUri: mongo.uri(),
        slack: { double: slack, mode, chaos },
      });
      const { wrong, ...faults } = await letAllTalk(stage, fleet);
      tellFigures(`${PROCESSES} processes on Slack's ${mode}`, {
        events: stage.events,
        ...stage.figures,
        ...(fleet.balancer === undefined ? {} : { perProcess: fleet.balancer.counts.perTarget.join("/") }),
        ...faults,
        overLimit: stage.overLimit,
        troubles: JSON.stringify(fleet.troubles()),
      });
      expect(wrong).toEqual([]);
      expect(stage.overLimit).toBe(0);
    },
  );

  test.skipIf(!canRun)(
    "answer each question and keep each score once when Discord tells all of them (needs redis) (needs mongodb)",
    { timeout: 300_000 },
    async () => {
      const discord = await openDiscordDouble({
        chaos: { twiceRatio: TWICE, swappedRatio: LATE, cutEvery: CUT_EVERY },
        seed: 5,
      });
      onTestFinished(() => discord.close());
      const stage = discordStage(discord, PLACES);
      const fleet = await openFleet({ processes: PROCESSES, mongoUri: mongo.uri(), discord });
      const { wrong, ...faults } = await letAllTalk(stage, fleet);
      tellFigures(`${PROCESSES} processes that Discord tells the same`, {
        events: stage.events,
        ...stage.figures,
        ...faults,
        overLimit: stage.overLimit,
        troubles: JSON.stringify(fleet.troubles()),
      });
      expect(discord.failures).toEqual([]);
      expect(wrong).toEqual([]);
      expect(stage.overLimit).toBe(0);
    },
  );
});

/** People talk until the events are used up; then what stands is compared with what they did. */
async function letAllTalk(stage: Stage, { stores }: Fleet): Promise<Verdict> {
  const oracle = createOracle();
  let numbers = 0;
  await letTalk({
    stage,
    oracle,
    events: EVENTS,
    random: seededRandom(1),
    nextNumber: () => ++numbers,
    standing: new Map(),
    async settleScores(number) {
      const untilMs = Date.now() + SCORES_WITHIN_MS;
      while (Date.now() < untilMs) {
        const asked = oracle.find(number);
        const turn = await stores.chat.findTurnByMessage(
          asked.place.workspaceId,
          asked.place.channelId,
          asked.messageId,
        );
        const given = turn === undefined ? [] : await stores.chat.listFeedback(turn.id);
        const scores = given.flatMap(({ userId, score }) => (score === undefined ? [] : [`${userId} ${score}`]));
        const wanted = [...asked.scores].map(([userId, score]) => `${userId} ${score}`);
        const isPlaced = turn?.messages.some(({ role }) => role === "reply") === true;
        if (isPlaced && scores.toSorted().join() === wanted.toSorted().join()) return;
        await sleep(20);
      }
    },
  });
  const untilMs = Date.now() + SETTLED_WITHIN_MS;
  for (;;) {
    const verdict = await judge(oracle, [stage], stores);
    if (verdict.wrong.length === 0 || Date.now() > untilMs) return verdict;
    await sleep(250);
  }
}
