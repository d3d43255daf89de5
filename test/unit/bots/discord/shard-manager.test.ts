import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { startShards } from "#bots/discord/shard-manager.ts";
import { openDiscordDouble } from "../../../fixtures/discord/discord-double.ts";
import { makeTempFolder } from "../../store/sqlite/temp-store.ts";
import { recordingLog } from "../chat-world.ts";

const SHARD = fileURLToPath(new URL("../../../fixtures/discord/shard.mjs", import.meta.url));

async function openSharded(shards: number | "auto", recommended = 2) {
  const double = await openDiscordDouble({ shards: recommended });
  onTestFinished(() => double.close());
  const guilds = [1n, 2n, 3n, 4n].map(
    (number) => double.world.addGuild({ id: String(((1n << 40n) + number) << 22n) }).id,
  );
  const file = join(makeTempFolder(), "shards.jsonl");
  writeFileSync(file, "");
  const { log, lines } = recordingLog();
  const started = () =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { shard: number; pid: number; guilds: string[]; word?: string });
  const options = {
    token: double.token,
    apiUrl: double.apiUrl,
    shards,
    file: SHARD,
    args: [double.apiUrl, file],
    execArgv: [],
    log,
    delayMs: 10,
  };
  return { guilds, options, started, lines, double };
}

test("startShards() starts as many processes as Discord recommends, each with its share of the servers", {
  timeout: 60_000,
}, async () => {
  const { guilds, options, started } = await openSharded("auto");

  const running = await startShards(options);
  onTestFinished(() => running.stop());

  expect(running.count).toBe(2);
  await vi.waitFor(() => expect(started().map(({ shard }) => shard)).toEqual([0, 1]), 20_000);
  expect(started().map(({ guilds: own }) => own.length)).toEqual([2, 2]);
  expect(new Set(started().flatMap(({ guilds: own }) => own))).toEqual(new Set(guilds));
});

test("startShards() starts a process again that died, and none after stop()", { timeout: 60_000 }, async () => {
  const { options, started } = await openSharded(1);
  const running = await startShards(options);
  onTestFinished(() => running.stop());
  await vi.waitFor(() => expect(started()).toHaveLength(1), 20_000);

  process.kill(started()[0]?.pid ?? 0, "SIGKILL");
  await vi.waitFor(() => expect(started()).toHaveLength(2), 20_000);
  await running.stop();

  const [first, second] = started().map(({ pid }) => pid);
  expect(second).not.toBe(first);
  expect(() => process.kill(second ?? 0, 0)).toThrow();
});

test("startShards() tells each process first what it needs, as often as it starts one", {
  timeout: 60_000,
}, async () => {
  const { options, started } = await openSharded(2);
  const counts: number[] = [];
  const greet = async (count: number) => {
    counts.push(count);
    return (shard: number) => ({ word: `you are ${shard}` });
  };
  const running = await startShards({ ...options, args: [...options.args, "greeted"], greet });
  onTestFinished(() => running.stop());
  await vi.waitFor(() => expect(started()).toHaveLength(2), 20_000);

  process.kill(started()[0]?.pid ?? 0, "SIGKILL");

  await vi.waitFor(() => expect(started()).toHaveLength(3), 20_000);
  expect(started().map(({ word }) => word)).toEqual(["you are 0", "you are 1", "you are 0"]);
  expect(counts).toEqual([2]);
});

test("startShards() starts no process again that Discord refuses", { timeout: 60_000 }, async () => {
  const { options, started, lines } = await openSharded(1);
  const greet = async () => () => ({});
  const running = await startShards({ ...options, args: [...options.args, "refused"], greet });
  onTestFinished(() => running.stop());

  await vi.waitFor(() => expect(lines.map(({ event }) => event)).toContain("shard.died"), 20_000);
  await new Promise((resolve) => setTimeout(resolve, 2000));

  expect(started()).toHaveLength(1);
});

test("startShards() says that the token was refused", async () => {
  const { options } = await openSharded("auto");

  await expect(startShards({ ...options, token: "a.b.c" })).rejects.toMatchObject({ reason: "credentials" });
});
