import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { type DiscordDoubleOptions, openDiscordDouble } from "../fixtures/discord/discord-double.ts";
import { BOT_ID, type StoredChannel, type StoredMessage } from "../fixtures/discord/double-world.ts";
import { makeTrialFolder } from "../fixtures/trials/run-program.ts";
import { type Server, startServer } from "../fixtures/trials/start-server.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const ANA = "700000000000000001";
const SHARDS = 2;
const TRIAL_MAX_MS = 300_000;
/** Two processes that start beside other work. */
const ANSWER = { timeout: 120_000, interval: 100 };

/** Servers number 1 and 3 belong to shard 1, 2 and 4 to shard 0. */
const GUILDS = [1n, 2n, 3n, 4n].map((number) => String(((1n << 40n) + number) << 22n));

async function openShardedProgram(given: DiscordDoubleOptions = {}) {
  const double = await openDiscordDouble({ shards: SHARDS, ...given });
  onTestFinished(() => double.close());
  const channels = GUILDS.map((id) => {
    const guild = double.world.addGuild({ id });
    double.world.addChannel(guild, { name: "welcome" });
    return double.world.addChannel(guild, { name: "talk" });
  });
  const cwd = makeTrialFolder();
  writeFileSync(join(cwd, ".env"), `DISCORD_TOKEN=${double.token}\n`, { mode: 0o600 });
  const server = await startServer({
    cwd,
    data: join(cwd, "data"),
    settings: ["discord.shards=2", `discord.apiUrl=${double.apiUrl}`, "discord.offerEmoji=false", "operations.port=0"],
  });
  onTestFinished(() => {
    for (const { pid } of startedShards(server)) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
  const answersTo = (question: StoredMessage) =>
    [...(double.world.messages.get(question.channel_id)?.values() ?? [])].filter(
      ({ author, message_reference }) => author.id === BOT_ID && message_reference?.message_id === question.id,
    );
  const ask = (channel: StoredChannel, text: string) => double.people.say(channel, ANA, text, { mentionsBot: true });
  const waitForShards = () =>
    vi.waitFor(() => expect(new Set(startedShards(server).map(({ shard }) => shard)).size).toBe(SHARDS), ANSWER);
  return { double, channels, server, answersTo, ask, waitForShards };
}

/** Whatever was started, oldest first, as the program's log tells it. */
function startedShards(server: Server): readonly { readonly shard: number; readonly pid: number }[] {
  return server
    .log()
    .split("\n")
    .filter((line) => line.includes('"shard.started"'))
    .map((line) => JSON.parse(line));
}

/** Where each shard tells its own figures. */
function measuredUrls(server: Server): readonly string[] {
  const lines = server.log().split("\n");
  return lines.flatMap((line) => (line.includes('"shard.measured"') ? [JSON.parse(line).url] : []));
}

async function countAnswers(url: string): Promise<number> {
  const figures = await (await fetch(url)).text();
  return Number(/reactune_log_events_total\{event="turn.answered",level="info"\} (\d+)/.exec(figures)?.[1]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("start answers the servers of every shard once, and those of a killed shard when it is back", {
  timeout: TRIAL_MAX_MS,
}, async () => {
  const { double, channels, server, answersTo, ask, waitForShards } = await openShardedProgram();
  await waitForShards();
  const direct = double.world.directChannel(ANA);
  const questions = channels.map((channel, index) => ask(channel, `What is number ${index}?`));
  const all = [...questions, double.people.say(direct, ANA, "And here?")];

  await vi.waitFor(() => expect(all.map((question) => answersTo(question).length)).toEqual([1, 1, 1, 1, 1]), ANSWER);
  await vi.waitFor(() => expect(server.log().match(/"turn.answered"/g)).toHaveLength(all.length), ANSWER);
  expect((await Promise.all(measuredUrls(server).map(countAnswers))).toSorted()).toEqual([2, 3]);
  const victim = startedShards(server).find(({ shard }) => shard === 1)?.pid ?? 0;
  process.kill(victim, "SIGKILL");
  await vi.waitFor(() => expect(isAlive(victim)).toBe(false));
  const killedAtMs = Date.now();
  const requestsBefore = double.requests.length;
  const whileGone = channels.map((channel, index) => ask(channel, `Who answers ${index} now?`));

  await vi.waitFor(() => expect(whileGone.map((question) => answersTo(question).length)).toEqual([1, 1, 1, 1]), ANSWER);
  const backMs = Date.now() - killedAtMs;
  const texts = [...all, ...whileGone].flatMap((question) => answersTo(question).map(({ content }) => content.trim()));
  expect(texts.filter((text) => text === "" || text === "…")).toEqual([]);
  // Nothing is answered again by what is fetched anew.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  expect([...all, ...whileGone].map((question) => answersTo(question).length)).toEqual(Array(9).fill(1));
  // The shard that came back looks at its own servers' replies again, not at those of the others.
  const looks = channels.map(({ id }) => {
    const path = new RegExp(`^/channels/${id}/messages/\\d+$`);
    return double.requests.slice(requestsBefore).some((one) => one.method === "GET" && path.test(one.path));
  });
  expect(looks).toEqual([true, false, true, false]);
  tellFigures("discord shards", { shards: SHARDS, questions: 9, doubled: 0, lost: 0, backAfterKillMs: backMs });

  const alive = startedShards(server).filter(({ pid }) => isAlive(pid));
  expect(alive.map(({ shard }) => shard).toSorted()).toEqual([0, 1]);
  await server.stop();
  expect(alive.filter(({ pid }) => isAlive(pid))).toEqual([]);
  expect(server.log()).not.toContain(double.token);
  expect(double.counts.overLimit).toBe(0);
});

test("start leaves no shard behind when it is killed", { timeout: TRIAL_MAX_MS }, async () => {
  const { server, waitForShards } = await openShardedProgram();
  await waitForShards();
  const pids = startedShards(server).map(({ pid }) => pid);
  expect(pids.filter(isAlive)).toHaveLength(SHARDS);

  await server.kill();

  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 25_000, interval: 100 });
});

test("start goes on without Discord when that refuses the intent, and says how to mend it", {
  timeout: TRIAL_MAX_MS,
}, async () => {
  const { server, double } = await openShardedProgram({ refusesContent: true });

  await vi.waitFor(() => expect(server.log().match(/"shard.died"/g)).toHaveLength(SHARDS), ANSWER);
  await new Promise((resolve) => setTimeout(resolve, 3000));

  expect(double.gateway.counts.identified).toBe(SHARDS);
  expect(server.log()).toContain("Message Content Intent");
  expect((await fetch(new URL("/healthz", server.url))).ok).toBe(true);
  await server.stop();
});
