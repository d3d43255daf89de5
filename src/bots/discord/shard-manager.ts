import { REST, Routes, type Shard, ShardingManager } from "discord.js";
import { describeError, PlatformRefusedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

export interface ShardOptions {
  readonly token: string;
  readonly apiUrl?: string;
  /** Processes, or what Discord recommends. */
  readonly shards: number | "auto";
  /** The program that each process runs, with its arguments: it opens the connector, which finds its own shard. */
  readonly file: string;
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
  /** Told the count before any process starts; gives what each is told first, over the channel between the processes. */
  readonly greet?: (count: number) => Promise<(shard: number) => object>;
  readonly log: Log;
  /** Between two processes; Discord lets one session begin per 5 seconds. */
  readonly delayMs?: number;
}

export interface RunningShards {
  readonly count: number;
  stop(): Promise<void>;
}

/** A process that Discord refuses for good ends with this; it is not started again. */
export const REFUSED_EXIT_CODE = 78;

const DELAY_MS = 5500;
const READY_MAX_MS = 120_000;
const STOP_MAX_MS = 20_000;
const RESTART_MS = 1000;
/** Discord allows 1,000 new sessions a day. */
const RESTART_MAX_MS = 5 * 60_000;
const YOUNG_MS = 10 * 60_000;

/**
 * Spreads the servers over processes, each with its own session. A process that dies is started again, later each time it dies
 * young, unless it ended with `REFUSED_EXIT_CODE`. Resolves when each was started once. Rejects with PlatformRefusedError when Discord does
 * not know the token, and when Discord cannot be reached.
 */
export async function startShards(options: ShardOptions): Promise<RunningShards> {
  const { token, file, args, execArgv, log } = options;
  const recommended = await recommendedShards(options);
  const count = options.shards === "auto" ? recommended : options.shards;
  const greeting = await options.greet?.(count);
  const manager = new ShardingManager(file, {
    token,
    totalShards: count,
    mode: "process",
    // It would start a process that cannot live over and over, without a pause.
    respawn: false,
    shardArgs: [...args],
    execArgv: [...execArgv],
  });
  const timers = new Set<NodeJS.Timeout>();
  let isStopping = false;

  async function spawn(shard: Shard): Promise<void> {
    // A process that dies before it is ready begins this again by its death.
    await shard.spawn(READY_MAX_MS).catch((error: unknown) => {
      log.warn({ shard: shard.id, reason: describeError(error) }, "shard.not-ready");
    });
  }

  manager.on("shardCreate", (shard) => {
    let deaths = 0;
    let readyAtMs = 0;
    shard.on("spawn", () => {
      readyAtMs = 0;
      if (greeting !== undefined) shard.process?.send(greeting(shard.id), () => {});
      shard.process?.once("exit", (exitCode) => {
        deaths = readyAtMs !== 0 && Date.now() - readyAtMs >= YOUNG_MS ? 1 : deaths + 1;
        if (isStopping) return;
        const isRefused = exitCode === REFUSED_EXIT_CODE;
        const waitMs = Math.min(RESTART_MAX_MS, RESTART_MS * 2 ** (deaths - 1));
        log.warn({ shard: shard.id, exitCode, restartAfterMs: isRefused ? undefined : waitMs }, "shard.died");
        if (isRefused) return;
        const timer = setTimeout(() => {
          timers.delete(timer);
          void spawn(shard);
        }, waitMs);
        timers.add(timer);
      });
    });
    shard.on("ready", () => {
      readyAtMs = Date.now();
      log.info({ shard: shard.id, shards: count, pid: shard.process?.pid }, "shard.started");
    });
    shard.on("error", (error) => log.error({ shard: shard.id, reason: describeError(error) }, "shard.errored"));
  });
  const stop = async () => {
    isStopping = true;
    for (const timer of timers) clearTimeout(timer);
    await Promise.all([...manager.shards.values()].map(stopShard));
  };
  const spawnAll = async () => {
    for (let id = 0; id < count && !isStopping; id++) {
      if (id > 0) await new Promise((resolve) => setTimeout(resolve, options.delayMs ?? DELAY_MS));
      if (!isStopping) await spawn(manager.createShard(id));
    }
  };
  const spawning = spawnAll();
  return {
    count,
    async stop() {
      await stop();
      await spawning;
      await stop();
    },
  };
}

/** Calls `onGone` when the process that started this shard is no more: nobody would ever end it. */
export function watchShardManager(onGone: () => void): void {
  if (process.send !== undefined) process.once("disconnect", onGone);
}

/** discord.js asks for this at Discord's own address only. Also tells whether the token is good, before any process is started. */
async function recommendedShards({ token, apiUrl }: ShardOptions): Promise<number> {
  const rest = new REST(apiUrl === undefined ? {} : { api: apiUrl.replace(/\/$/, "") }).setToken(token);
  try {
    const { shards } = (await rest.get(Routes.gatewayBot())) as { shards: number };
    return Math.max(1, shards);
  } catch (error) {
    throw isUnauthorised(error) ? refusedToken(error) : error;
  }
}

function refusedToken(cause: unknown): PlatformRefusedError {
  return new PlatformRefusedError(
    "start shards: the bot token was refused",
    "credentials",
    'Copy a fresh token from the Discord developer portal, page "Bot", and run `reactune setup`',
    { cause },
  );
}

function isUnauthorised(error: unknown): boolean {
  return typeof error === "object" && error !== null && "status" in error && error.status === 401;
}

/** Asks the process to end, so that it finishes what it writes; after a while it is ended. */
async function stopShard(shard: Shard): Promise<void> {
  const child = shard.process;
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MAX_MS);
  await ended;
  clearTimeout(timer);
}
