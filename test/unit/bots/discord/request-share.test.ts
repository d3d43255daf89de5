import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { pacedRequests } from "#bots/discord/global-pace.ts";
import { createRequestShare, type ShareParts } from "#bots/discord/request-share.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import { ANA, openDiscordBot } from "../../../fixtures/discord/discord-bot.ts";
import { memoryLive } from "../../../fixtures/fleet/memory-live.ts";

const BEAT_MS = 40;
const log = { debug() {}, info() {}, warn() {}, error() {} };

function openShare(live: LiveProcesses | undefined, processName: string, given: Partial<ShareParts> = {}) {
  const counted = live === undefined ? {} : { counted: { live, processName } };
  const share = createRequestShare({
    perSecondMax: 50,
    processes: 1,
    ...counted,
    log,
    beatMs: BEAT_MS,
    windowMs: 20,
    ...given,
  });
  onTestFinished(() => share.end());
  return share;
}

test("perSecond() is all that Discord allows while a process is alone, and a part of it while it is not", async () => {
  const live = memoryLive();
  const one = openShare(live, "one");
  await one.begin();
  expect(one.perSecond()).toBe(50);

  const other = openShare(live, "other");
  await other.begin();
  // The first one does not know yet.
  expect([one.perSecond(), other.perSecond()]).toEqual([50, 2]);
  await expect.poll(() => [one.perSecond(), other.perSecond()]).toEqual([25, 25]);

  await other.end();
  await expect.poll(() => one.perSecond()).toBe(50);
});

test("a newcomer tells its whole share when the other leaves before it was counted", async () => {
  const live = memoryLive();
  const told: object[] = [];
  await live.beat("discord requests", "leaving", 60_000);
  const one = openShare(live, "one", { log: { ...log, info: (figures: object) => void told.push(figures) } });
  await one.begin();
  await live.leave("discord requests", "leaving");

  await expect.poll(() => one.perSecond()).toBe(50);
  expect(told).toEqual([
    { processes: 2, perSecond: 2 },
    { processes: 1, perSecond: 50 },
  ]);
});

test("perSecond() grows again when another process was killed", async () => {
  const live = memoryLive();
  const one = openShare(live, "one");
  await live.beat("discord requests", "killed", 3 * BEAT_MS);
  await one.begin();
  await expect.poll(() => one.perSecond()).toBe(25);

  await expect.poll(() => one.perSecond()).toBe(50);
});

test("perSecond() keeps the last count while nobody counts, and begins with what it was told", async () => {
  const live = memoryLive();
  const one = openShare(live, "one");
  const other = openShare(live, "other");
  await one.begin();
  await other.begin();
  await expect.poll(() => one.perSecond()).toBe(25);
  live.isAway = true;
  await sleep(4 * BEAT_MS);

  const third = openShare(live, "third", { processes: 4 });
  await third.begin();

  expect([one.perSecond(), other.perSecond(), third.perSecond()]).toEqual([25, 25, 1]);
  expect(openShare(undefined, "", { processes: 4 }).perSecond()).toBe(12);
  expect(openShare(undefined, "", { processes: 400 }).perSecond()).toBe(1);
});

test("processes that share a token send no more in any second than one may, and a newcomer begins slowly", async () => {
  const cameAtMs: number[] = [];
  const server = createServer((_, response) => {
    cameAtMs.push(performance.now());
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/channels/1`;
  const live = memoryLive();
  const sendAll = async (name: string, requests: number) => {
    const share = openShare(live, name, { perSecondMax: 20, beatMs: 300, windowMs: 1000 });
    await share.begin();
    const send = pacedRequests(share.perSecond, Date.now);
    await Promise.all(Array.from({ length: requests }, () => send(url, { method: "GET" })));
  };

  await Promise.all([sendAll("one", 36), sleep(100).then(() => sendAll("other", 16))]);

  const most = Math.max(...cameAtMs.map((from) => cameAtMs.filter((at) => at >= from && at < from + 1000).length));
  expect(cameAtMs).toHaveLength(52);
  // One more in the moment in which the first does not know of the second.
  expect(most).toBeLessThanOrEqual(21);
});

test("perSecond() of a newcomer grows when the others have counted it and what they sent before is forgotten", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const live = memoryLive();
  await live.beat("discord requests", "old", 60_000);
  const share = openShare(live, "new", { beatMs: 300, windowMs: 1000 });
  await share.begin();

  await vi.advanceTimersByTimeAsync(1299);
  expect(share.perSecond()).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(share.perSecond()).toBe(25);
});

test("the connector counts itself before its first request, and no more when it has stopped", async () => {
  const live = memoryLive();
  const bot = await openDiscordBot({ sharing: { processes: 1, counted: { live, processName: "bot" } } });
  expect(await live.beat("discord requests", "test", 60_000)).toBe(1);

  await bot.start();
  expect(await live.beat("discord requests", "test", 60_000)).toBe(2);
  bot.double.people.say(bot.channel, ANA, "still here", { mentionsBot: true });
  await expect.poll(() => bot.got.messages).toHaveLength(1);
  await bot.connector.stop();

  expect(await live.beat("discord requests", "test", 60_000)).toBe(1);
});
