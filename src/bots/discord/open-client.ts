import {
  Client,
  type ClientOptions,
  Events,
  GatewayIntentBits,
  Options,
  Partials,
  type RESTOptions,
  Routes,
} from "discord.js";
import { describeError, PlatformRefusedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { pacedRequests } from "./global-pace.ts";
import type { LateEdits } from "./late-edits.ts";
import { pause } from "./listening.ts";

const READY_MAX_MS = 120_000;
export const REQUEST_TIMEOUT_MS = 15_000;
const SERVER_ERROR_RETRIES_MAX = 5;
const AWAY_WAIT_MS = 1000;
const AWAY_WAIT_MAX_MS = 60_000;
const MEMBERS_PER_GUILD_MAX = 100;
const USERS_MAX = 10_000;

/**
 * A client that keeps servers, channels and threads, and nothing that people write: messages and reactions are taken from the
 * raw events, so that none is dropped because what it belongs to is older than this process.
 */
export function createClient(
  apiUrl: string | undefined,
  requests: { readonly perSecondMax: number; readonly perSecond: () => number },
  late?: { readonly timeoutMs: number; readonly edits: Pick<LateEdits, "watch">; readonly onRefused: () => void },
): Client {
  const paced = pacedRequests(requests.perSecond, Date.now);
  const send = late === undefined ? paced : noteRefusedToken(paced, late.onRefused);
  const client = new Client({
    intents: [
      GatewayIntentBits.Guilds,
      GatewayIntentBits.GuildMessages,
      GatewayIntentBits.GuildMessageReactions,
      GatewayIntentBits.DirectMessages,
      GatewayIntentBits.DirectMessageReactions,
      GatewayIntentBits.MessageContent,
    ],
    partials: [Partials.Channel],
    allowedMentions: { parse: [], repliedUser: false },
    failIfNotExists: false,
    makeCache: Options.cacheWithLimits({
      ...Options.DefaultMakeCacheSettings,
      MessageManager: 0,
      ReactionManager: 0,
      PresenceManager: 0,
      VoiceStateManager: 0,
      GuildStickerManager: 0,
      GuildScheduledEventManager: 0,
      UserManager: { maxSize: USERS_MAX, keepOverLimit: (user) => user.id === user.client.user.id },
      GuildMemberManager: {
        maxSize: MEMBERS_PER_GUILD_MAX,
        keepOverLimit: (member) => member.id === member.client.user.id,
      },
    }),
    rest: {
      // A limit is waited for, never turned into an error.
      rejectOnRateLimit: null,
      retries: SERVER_ERROR_RETRIES_MAX,
      timeout: late?.timeoutMs ?? REQUEST_TIMEOUT_MS,
      makeRequest: late?.edits.watch(send) ?? send,
      globalRequestsPerSecond: requests.perSecondMax,
      ...(apiUrl === undefined ? {} : { api: apiUrl.replace(/\/$/, "") }),
    },
  } satisfies ClientOptions);
  return keepToken(client);
}

/** Calls `onRefused` when Discord does not take the token; requests without one do not count. */
function noteRefusedToken(send: RESTOptions["makeRequest"], onRefused: () => void): RESTOptions["makeRequest"] {
  return async (url, init) => {
    const response = await send(url, init);
    if (response.status === 401 && !/\/(?:webhooks|interactions)\//.test(url)) onRefused();
    return response;
  };
}

/** discord.js forgets a token that was refused once: every later request would fail without a word of it, also when it is taken again. */
function keepToken(client: Client): Client {
  const setToken = client.rest.setToken.bind(client.rest);
  client.rest.setToken = (token: string | null) => (token === null ? client.rest : setToken(token));
  return client;
}

/**
 * Waits while Discord cannot be reached: a client that failed to log in once cannot be used again. Rejects with the signal's reason,
 * and with PlatformRefusedError when Discord refuses the token.
 */
export async function untilReached(client: Client, token: string, signal: AbortSignal, log: Log): Promise<void> {
  client.rest.setToken(token);
  for (let waitMs = AWAY_WAIT_MS; ; waitMs = Math.min(waitMs * 2, AWAY_WAIT_MAX_MS)) {
    signal.throwIfAborted();
    try {
      await client.rest.get(Routes.gatewayBot(), { signal });
      return;
    } catch (error) {
      signal.throwIfAborted();
      const refusal = refusalOfLogin(error);
      if (refusal instanceof PlatformRefusedError) throw refusal;
      log.warn({ retryAfterMs: waitMs, reason: describeError(error) }, "discord.away");
    }
    await pause(waitMs, signal);
  }
}

/** Resolves when the servers are known. Rejects with PlatformRefusedError when Discord refuses the token or the intents. */
export async function logIn(client: Client, token: string): Promise<Client<true>> {
  const ready = new Promise<Client<true>>((resolve) => client.once(Events.ClientReady, resolve));
  const refused = new Promise<never>((_, reject) => {
    client.once(Events.ShardDisconnect, ({ code }) => reject(refusalOfLogin(new Error(`Gateway closed with ${code}`))));
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Cannot connect to Discord: not ready after ${READY_MAX_MS} ms`)),
      READY_MAX_MS,
    );
  });
  try {
    await Promise.race([client.login(token), refused, late]);
    return await Promise.race([ready, refused, late]);
  } catch (error) {
    await client.destroy();
    throw refusalOfLogin(error);
  } finally {
    clearTimeout(timer);
    refused.catch(() => {});
    late.catch(() => {});
  }
}

export function logClientEvents(client: Client, log: Log): void {
  // Without a listener an error event ends the process; the client reconnects by itself.
  client.on(Events.Error, (error) => log.warn({ reason: describeError(error) }, "discord.errored"));
  client.on(Events.ShardError, (error, shard) => log.warn({ shard, reason: describeError(error) }, "discord.errored"));
  client.on(Events.ShardReconnecting, (shard) => log.info({ shard }, "discord.reconnecting"));
  client.on(Events.ShardResume, (shard, replayed) => log.info({ shard, replayed }, "discord.resumed"));
  client.on(Events.ShardDisconnect, ({ code }, shard) => {
    const refusal = refusalOfLogin(new Error(`Gateway closed with ${code}`));
    log.error({ shard, code, reason: describeError(refusal) }, "discord.disconnected");
  });
  client.on(Events.Invalidated, () => log.error({}, "discord.session-invalidated"));
  client.rest.on("rateLimited", ({ route, timeToReset, scope, global }) =>
    log.debug({ route, waitMs: timeToReset, scope, global }, "discord.rate-limited"),
  );
}

export function refusedToken(options?: ErrorOptions): PlatformRefusedError {
  return new PlatformRefusedError(
    "connect to Discord: the bot token was refused",
    "credentials",
    'Copy a fresh token from the Discord developer portal, page "Bot", and run `reactune setup`',
    options,
  );
}

function refusalOfLogin(error: unknown): unknown {
  if (error instanceof PlatformRefusedError) return error;
  const text = describeError(error);
  if (/disallowed intents|\b4014\b/i.test(text)) {
    return new PlatformRefusedError(
      "connect to Discord: the application may not read messages",
      "permission",
      'Open the application in the Discord developer portal, page "Bot", switch "Message Content Intent" on, and start again',
      { cause: error },
    );
  }
  if (/sharding is required|invalid shard|\b401[01]\b/i.test(text)) {
    return new PlatformRefusedError(
      "connect to Discord: the bot is in too many servers for the processes that it has",
      "invalid",
      "Start with `--shards auto`",
      { cause: error },
    );
  }
  if (/invalid token|token was invalid|\b4004\b|\b401\b/i.test(text) || errorCodeOf(error) === "TokenInvalid") {
    return refusedToken({ cause: error });
  }
  return error;
}

function errorCodeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
