import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { describeError, OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import { openStores } from "./open-stores.ts";

/** What a shard's process is told first. Never by its arguments, which every user of the machine can read. */
export interface ShardGreeting {
  readonly config: Omit<Config, "feedback">;
  readonly emoji: readonly (readonly [string, number])[];
  readonly shard: number;
  readonly shards: number;
}

const RETRY_MS = 30_000;

/**
 * Runs Discord in processes of its own, one per shard, beside the program that has everything else. Returns at once: while Discord
 * cannot be reached it is asked again; what it refuses stands in the log, and the rest of the program goes on.
 */
export function runDiscordShards(config: Config, log: Log): { close(): Promise<void> } {
  const stopping = new AbortController();
  const running = startUntilReached(config, log, stopping.signal);
  return {
    async close() {
      stopping.abort();
      await (await running)?.stop();
    },
  };
}

async function startUntilReached(config: Config, log: Log, signal: AbortSignal) {
  const { startShards } = await import("#bots/discord/shard-manager.ts");
  const { credentials, discord } = config;
  for (;;) {
    try {
      return await startShards({
        token: credentials.discordToken ?? "",
        ...(discord.apiUrl === undefined ? {} : { apiUrl: discord.apiUrl }),
        shards: discord.shards ?? "auto",
        file: join(programDirectory, "dist", "main.js"),
        args: ["discord-shard"],
        execArgv: [],
        greet: (shards) => greetShards(config, shards, log),
        log,
      });
    } catch (error) {
      const isRefused = error instanceof OperatingError;
      log.error({ platform: "discord", reason: describeError(error) }, "platform.not-started");
      if (isRefused) return undefined;
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return undefined;
  }
}

async function greetShards(config: Config, shards: number, log: Log): Promise<(shard: number) => ShardGreeting> {
  const stores = await openStores(config, log);
  try {
    await carryCursors(stores.platforms, shards);
  } finally {
    await stores.close();
  }
  const { feedback, ...rest } = config;
  return (shard) => ({ config: rest, emoji: [...feedback.emoji], shard, shards });
}

/** Under which a shard notes how far it heard; undefined: the only process. */
export function cursorKey(shard: number | undefined): string {
  return shard === undefined ? "alive:discord" : `alive:discord:${shard}`;
}

/**
 * Each shard catches up from where it was itself: another one that lived on must not move it. When the number of shards is another
 * than at the last start (0: no shards), nobody knows who heard which server, so all begin at the earliest of before.
 */
export async function carryCursors(platforms: PlatformStore, shards: number): Promise<void> {
  const before = (await platforms.getCursor(COUNT_KEY)) ?? 0;
  if (before === shards) return;
  const heard = await Promise.all(keysOf(before).map((key) => platforms.getCursor(key)));
  const known = heard.filter((atMs) => atMs !== undefined);
  if (known.length > 0) {
    for (const key of keysOf(shards)) await platforms.putCursor(key, Math.min(...known));
  }
  await platforms.putCursor(COUNT_KEY, shards);
}

const COUNT_KEY = "shards:discord";

function keysOf(shards: number): readonly string[] {
  return shards === 0 ? [cursorKey(undefined)] : Array.from({ length: shards }, (_, shard) => cursorKey(shard));
}
