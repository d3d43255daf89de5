import closeWithGrace from "close-with-grace";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import type { Config } from "#config/schema.ts";
import { describeError, OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import { cursorKey, type ShardGreeting } from "./discord-shards.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import { openChat } from "./open-chat.ts";
import { openDiscord } from "./open-connectors.ts";
import { openLog } from "./open-log.ts";
import { type Operations, openOperations } from "./open-operations.ts";
import { openPatiently } from "./open-patiently.ts";
import { openServingEngine } from "./open-serving.ts";
import { openStores } from "./open-stores.ts";

const CLOSE_MAX_MS = 20_000;
const GREETING_MAX_MS = 30_000;
/** A terminal sends these to all processes at once; a shard ends when the one that started it says so, or is gone. */
const LEFT_TO_MANAGER = ["SIGINT", "SIGHUP"] as const;

/**
 * The program of one shard: its servers' messages, reactions and commands from the gateway to the reply, on the same stores as the
 * process that started it. That one has the pages, the schedule and training. Sets the exit code that `startShards` understands.
 */
export async function runDiscordShard(): Promise<void> {
  for (const signal of LEFT_TO_MANAGER) process.on(signal, () => {});
  const { REFUSED_EXIT_CODE, watchShardManager } = await import("#bots/discord/shard-manager.ts");
  const greeting = await readGreeting();
  if (greeting === undefined) {
    process.exitCode = 1;
    return;
  }
  const { shard } = greeting;
  const config: Config = { ...greeting.config, feedback: { emoji: new Map(greeting.emoji) } };
  const metrics = config.operations.port === undefined ? undefined : await openMetrics();
  const plainLog = withFields(await openLog(config.log, "stdout"), { shard });
  const log = metrics?.meter(plainLog) ?? plainLog;
  const operations = await openShardOperations(config.operations, shard, metrics, log);
  const patience = { log, onWait: operations.tellWait };
  const stores = await openPatiently("the stores", () => openStores(config, log), patience);
  const platforms = ownCursor(stores.platforms, shard);
  let end: (reason: { readonly refusal?: unknown }) => void = () => {};
  const ended = new Promise<{ readonly refusal?: unknown }>((resolve) => {
    end = resolve;
  });
  const chat = await openChat(config, { ...stores, platforms }, [], log, {
    openEngine: () => openPatiently("the model", () => openServingEngine(config, log), patience),
    openOthers: async (settings) => {
      const connector = await openDiscord(config, settings, log, { processes: greeting.shards, live: stores.live });
      return [noteRefusal(connector, (refusal) => end({ refusal }))];
    },
  });
  operations.watch({ stores, engine: chat.opened.engine });
  const grace = closeWithGrace({ delay: CLOSE_MAX_MS, logger: false, skip: [...LEFT_TO_MANAGER] }, async ({ err }) => {
    if (err !== undefined) log.error({ err }, "program.crashed");
    log.info({}, "shard.stopping");
    await chat.close();
    await operations.close();
    await stores.close();
    if (err !== undefined) process.exitCode = 1;
    end({});
  });
  watchShardManager(() => grace.close());
  const { refusal } = await ended;
  if (refusal === undefined) return;
  grace.uninstall();
  await chat.close();
  await operations.close();
  await stores.close();
  process.exitCode = refusal instanceof OperatingError ? REFUSED_EXIT_CODE : 1;
}

/**
 * On a machine that has all shards: the port of who starts them and the shard's number behind it, or any free one. Without health and
 * figures, where that is taken, its servers are answered all the same.
 */
async function openShardOperations(
  { host, port }: Config["operations"],
  shard: number,
  metrics: Metrics | undefined,
  log: Log,
): Promise<Operations> {
  const own = port === undefined || port === 0 ? port : port + 1 + shard;
  try {
    const operations = await openOperations({ host, port: own }, metrics);
    if (operations.url !== undefined) log.info({ url: `${operations.url}/metrics` }, "shard.measured");
    return operations;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    log.warn({ reason: describeError(error) }, "shard.not-measured");
    return await openOperations({ host, port: undefined }, metrics);
  }
}

/** Undefined when nobody who starts shards is at the other end. */
function readGreeting(): Promise<ShardGreeting | undefined> {
  if (process.send === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), GREETING_MAX_MS);
    process.once("message", (message: ShardGreeting) => {
      clearTimeout(timer);
      resolve(message);
    });
    process.once("disconnect", () => resolve(undefined));
  });
}

/** A platform that does not start takes no other down; here there is no other. */
function noteRefusal(connector: PlatformConnector, note: (error: unknown) => void): PlatformConnector {
  return {
    ...connector,
    async start(intake) {
      try {
        await connector.start(intake);
      } catch (error) {
        note(error);
        throw error;
      }
    },
  };
}

function ownCursor(platforms: PlatformStore, shard: number): PlatformStore {
  const own = (key: string) => (key === cursorKey(undefined) ? cursorKey(shard) : key);
  return {
    getCursor: (key) => platforms.getCursor(own(key)),
    putCursor: (key, atMs) => platforms.putCursor(own(key), atMs),
    takeMark: (key, nowMs) => platforms.takeMark(key, nowMs),
    clearMarks: (keyPrefix) => platforms.clearMarks(keyPrefix),
    saveInstallation: (installation) => platforms.saveInstallation(installation),
    findInstallation: (platform, workspaceId) => platforms.findInstallation(platform, workspaceId),
    listInstallations: (platform) => platforms.listInstallations(platform),
    removeInstallation: (platform, workspaceId) => platforms.removeInstallation(platform, workspaceId),
  };
}

function withFields(log: Log, own: object): Log {
  return {
    debug: (fields, event) => log.debug({ ...own, ...fields }, event),
    info: (fields, event) => log.info({ ...own, ...fields }, event),
    warn: (fields, event) => log.warn({ ...own, ...fields }, event),
    error: (fields, event) => log.error({ ...own, ...fields }, event),
  };
}
