import { setTimeout as sleep } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import { OperatingError, RedisUnavailableError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { describeRedisHosts, parseRedisAddress, type RedisAddress } from "./redis-address.ts";

export type RedisClient = Redis | Cluster;

export interface RedisConnection {
  /** Before every key; no two installations on one server share it. */
  readonly prefix: string;
  /** For short commands: while Redis is away they reject at once, and none waits longer than the command's limit. */
  readonly client: RedisClient;
  /** Runs commands; the driver's failures become RedisUnavailableError, which holds none of the commands' words. */
  use<T>(act: (client: RedisClient) => Promise<T>): Promise<T>;
  /** A connection of its own whose commands wait until Redis is back: for subscriptions and for workers, which block. */
  openPatient(): RedisClient;
  /** Called each time when Redis is there again; returns what ends it. */
  onReturn(listener: () => void): () => void;
  describeHealth(): RedisHealth;
  close(): Promise<void>;
}

export interface RedisHealth {
  readonly isUp: boolean;
  /** Hosts and ports, without the login. */
  readonly hosts: string;
  /** Since when it is up or away. */
  readonly sinceMs: number;
  /** What works worse meanwhile; undefined when it is up. */
  readonly problem?: string;
}

export interface OpenRedisOptions {
  /** Holds the password: it goes to no log and into no error. */
  readonly url: string;
  readonly log: Log;
  readonly now: () => number;
  readonly prefix?: string;
  /** For servers whose certificate no public authority signed. */
  readonly authority?: string;
  readonly commandTimeoutMs?: number;
  /** How long the start waits for the first connection. */
  readonly startTimeoutMs?: number;
  readonly heartbeatMs?: number;
}

const RETRY_MAX_MS = 2000;
const CONNECT_TIMEOUT_MS = 2000;
const MEND_MS = 2000;
/** Finds out that a wire was cut though nobody asks anything; keeps idle connections from being forgotten on the way, too. */
const HEARTBEAT_MS = 5000;

const ENDED = "the connection ended";

/** Resolves also when Redis does not answer: it is looked for from then on, and `describeHealth` says so. */
export async function openRedis(options: OpenRedisOptions): Promise<RedisConnection> {
  const { log, now, prefix = "reactune", startTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const address = parseRedisAddress(options.url);
  const hosts = describeRedisHosts(address);
  const client = connect(address, options, { isPatient: false });
  const patient = new Set<RedisClient>();
  const returnListeners = new Set<() => void>();
  let isUp: boolean | undefined;
  let sinceMs = now();
  let whyAway = "it has not answered yet";
  let isClosing = false;

  function becomeUp(): void {
    if (isUp === true) return;
    if (isUp === false) log.info({ hosts, awayMs: now() - sinceMs }, "redis.returned");
    for (const one of isUp === false ? patient : []) void mend(one);
    isUp = true;
    sinceMs = now();
    for (const listener of returnListeners) listener();
  }
  /** Once per outage, however often connecting fails meanwhile. */
  function becomeAway(why: string): void {
    if (isClosing) return;
    // A server that lets nobody in ends the connection besides: what it said counts.
    if (isUp !== false || why !== ENDED) whyAway = why;
    if (isUp === false) return;
    isUp = false;
    sinceMs = now();
    log.warn({ hosts, why }, "redis.lost");
  }
  client.on("ready", becomeUp);
  client.on("close", () => becomeAway(ENDED));
  client.on("error", (error: unknown) => becomeAway(safeReason(error)));

  await settled(client, startTimeoutMs);
  if (client.status !== "ready") becomeAway(`no answer within ${startTimeoutMs} ms`);

  async function use<T>(act: (client: RedisClient) => Promise<T>): Promise<T> {
    const isThere = client.status === "ready" && isUp !== false;
    if (!isThere) throw new RedisUnavailableError(hosts, "it is not connected");
    return act(client).catch((error: unknown) => {
      if (isTimeout(error)) {
        // A server that hangs, or a wire that was cut: the others fail at once until a new connection stands.
        becomeAway(safeReason(error));
        client.disconnect(true);
      }
      throw isOfDriver(error) ? new RedisUnavailableError(hosts, safeReason(error)) : error;
    });
  }
  const heartbeat = setInterval(() => {
    use((one) => one.ping()).catch(() => {});
    for (const one of patient) if (one.status === "ready") void mend(one);
  }, options.heartbeatMs ?? HEARTBEAT_MS).unref();

  return {
    prefix,
    client,
    use,
    openPatient() {
      const other = connect(address, options, { isPatient: true });
      other.on("error", () => {}); // the first connection tells of the outage
      patient.add(other);
      other.once("end", () => patient.delete(other));
      return other;
    },
    onReturn(listener) {
      returnListeners.add(listener);
      return () => returnListeners.delete(listener);
    },
    describeHealth: () => ({
      isUp: isUp === true,
      hosts,
      sinceMs,
      ...(isUp === true
        ? {}
        : { problem: `answers come without the cache, and jobs wait until Redis is back (${whyAway})` }),
    }),
    async close() {
      isClosing = true;
      clearInterval(heartbeat);
      for (const one of [client, ...patient]) one.disconnect();
    },
  };
}

function connect(address: RedisAddress, options: OpenRedisOptions, { isPatient }: { isPatient: boolean }): RedisClient {
  const retryStrategy = (times: number) => Math.min(50 * 2 ** Math.min(times, 10), RETRY_MAX_MS);
  const common = {
    ...address.login,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: 30_000,
    maxRetriesPerRequest: isPatient ? null : 0,
    ...(isPatient ? {} : { commandTimeout: options.commandTimeoutMs ?? 1000 }),
    ...(address.isEncrypted ? { tls: options.authority === undefined ? {} : { ca: options.authority } } : {}),
  };
  if (address.isCluster) {
    return new Cluster([...address.hosts], {
      redisOptions: common,
      enableOfflineQueue: isPatient,
      clusterRetryStrategy: retryStrategy,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      // The certificate names hosts, so hosts are not turned into addresses.
      ...(address.isEncrypted ? { dnsLookup: (name, give) => give(null, name) } : {}),
    });
  }
  return new Redis({ ...common, ...address.hosts[0], enableOfflineQueue: isPatient, retryStrategy });
}

/** A connection whose wire was cut without a word would wait for minutes before it notices. */
async function mend(client: RedisClient): Promise<void> {
  const isAlive = Promise.race([client.ping().then(() => true), sleep(MEND_MS, false, { ref: false })]);
  if (!(await isAlive.catch(() => false)) && client.status === "ready") client.disconnect(true);
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "Command timed out";
}

/**
 * The driver's errors carry their command with every argument, people's words and the password among them, and a server's
 * text may quote them: only its first word, or the system's code, is kept.
 */
function safeReason(error: unknown): string {
  if (!(error instanceof Error)) return "it failed";
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error.name === "ReplyError") return /^[A-Z]+/u.exec(error.message)?.[0] ?? "it refused the command";
  return isTimeout(error) ? "it did not answer in time" : ENDED;
}

/** The driver throws plain errors and classes of its own; ours and the language's are bugs or have a meaning. */
function isOfDriver(error: unknown): boolean {
  const isOther = error instanceof OperatingError || error instanceof TypeError || error instanceof SyntaxError;
  return error instanceof Error && !isOther && error.name !== "ZodError";
}

function settled(client: RedisClient, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (client.status === "ready") return resolve();
    const timer = setTimeout(resolve, limitMs);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    client.once("ready", end);
    client.once("error", end); // refused: there is no need to wait
  });
}
