import { type Client, Events } from "discord.js";
import type { Intake, PostedPlace } from "#bots/intake.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { ConnectorLimits, PlatformConnector } from "#bots/platform-connector.ts";
import type { Now } from "#core/clock.ts";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { createCarriedCalls } from "./carried-calls.ts";
import { catchUp } from "./catch-up.ts";
import type { DiscordParts } from "./discord-parts.ts";
import { lateEdits } from "./late-edits.ts";
import { listenToInteractions } from "./listen-interactions.ts";
import { listenToMessages } from "./listen-messages.ts";
import { acceptKnownGuilds, listenToPlaces } from "./listen-places.ts";
import { listenToReactions } from "./listen-reactions.ts";
import { createListening } from "./listening.ts";
import { createClient, logClientEvents, logIn, REQUEST_TIMEOUT_MS, refusedToken, untilReached } from "./open-client.ts";
import { createOpenThreads } from "./open-threads.ts";
import { guildOfWorkspace } from "./place.ts";
import { readAttachment } from "./read-attachment.ts";
import { tryRegisterCommands } from "./register-commands.ts";
import { MESSAGE_CHARS_MAX, renderMarkdown } from "./render-markdown.ts";
import { createRequestShare, type ShareParts } from "./request-share.ts";
import { tell } from "./tell.ts";
import { createUserCalls } from "./user-calls.ts";
import { createReplyWriter } from "./write-replies.ts";

export interface DiscordConnectorOptions {
  readonly token: string;
  /** Of the HTTP API, without the version: "http://127.0.0.1:9000/api". Undefined: Discord's own. */
  readonly apiUrl?: string;
  /** What Discord allows the bot in all. */
  readonly requestsPerSecondMax?: number;
  /** How many processes share that, and where they are counted; one alone when undefined. */
  readonly sharing?: Pick<ShareParts, "processes" | "counted">;
  /** How long an HTTP request is waited for; 15 s when undefined. */
  readonly requestTimeoutMs?: number;
  readonly settings: SettingsWatch;
  readonly log: Log;
  readonly now: Now;
}

const LIMITS: ConnectorLimits = {
  messageCharsMax: MESSAGE_CHARS_MAX,
  editIntervalMs: 1000,
  channelPace: { writes: 5, perMs: 5000 },
  // To Discord a thread is a channel.
  hasPacePerThread: true,
};

const REQUESTS_PER_SECOND = 50;
/** Our replies that are looked at again when a session was lost and what happened meanwhile was not sent. */
const RECENT_REPLIES_MAX = 100;

/**
 * The platform Discord. Nothing connects before `start`. As a shard of a ShardingManager it serves its share of the servers; the
 * first shard registers the commands.
 */
export function createDiscordConnector(options: DiscordConnectorOptions): PlatformConnector {
  const { token, apiUrl, settings, log, now, requestTimeoutMs: timeoutMs = REQUEST_TIMEOUT_MS } = options;
  const stopping = new AbortController();
  const edits = lateEdits({ timeoutMs, signal: stopping.signal, log });
  const { requestsPerSecondMax: perSecondMax = REQUESTS_PER_SECOND, sharing = { processes: 1 } } = options;
  const share = createRequestShare({ perSecondMax, ...sharing, log });
  const client = createClient(
    apiUrl,
    { perSecondMax, perSecond: share.perSecond },
    { timeoutMs, edits, onRefused: noteRefused },
  ) as Client<true>;
  const parts: DiscordParts = { client, settings, log, now };
  const threads = createOpenThreads(parts);
  const userCalls = createUserCalls(client, now);
  const writer = createReplyWriter(parts, threads, userCalls, edits);
  const listening = createListening(client, log);
  const recent: PostedPlace[] = [];
  let connection: Connection | undefined;
  let refusedUntilMs = Number.NEGATIVE_INFINITY;
  let catchUpWith: ((sinceMs: number | undefined, replies: readonly PostedPlace[]) => Promise<void>) | undefined;

  function noteRefused(): void {
    if (now() >= refusedUntilMs) log.error({ reason: describeError(refusedToken()) }, "discord.token-refused");
    refusedUntilMs = now() + REFUSED_MS;
  }

  return {
    platform: "discord",
    limits: LIMITS,
    render: renderMarkdown,
    ...writer,
    async post(part) {
      const posted = await writer.post(part);
      const { workspaceId, channelId, threadId } = part;
      recent.unshift({ workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }), ...posted });
      recent.splice(RECENT_REPLIES_MAX);
      return posted;
    },
    async start(intake: Intake) {
      const listeningParts = { ...parts, intake, threads, userCalls, noteOwn: writer.noteOwn };
      await share.begin();
      await untilReached(client, token, stopping.signal, log);
      logClientEvents(client, log);
      listenToMessages(listeningParts, listening);
      listenToReactions(listeningParts, listening);
      await logIn(client, token);
      await client.application.fetch();
      listenToPlaces(listeningParts, listening);
      listenToInteractions({ ...listeningParts, carried: createCarriedCalls(token, now) }, listening);
      if (client.shard === null || client.shard.ids.includes(0)) await tryRegisterCommands(parts, intake.commands);
      catchUpWith = (sinceMs, replies) =>
        catchUp(listeningParts, {
          ...(sinceMs === undefined ? {} : { sinceMs }),
          replies: replies.filter(({ workspaceId }) => isServed(client, workspaceId)),
        });
      acceptKnownGuilds(listeningParts, listening);
      listening.open();
      connection = watchConnection(client, now, (sinceMs) =>
        listening.run("session.lost", () => catchUp(listeningParts, { sinceMs, replies: recent })),
      );
      log.info({ guilds: client.guilds.cache.size, user: client.user.id }, "discord.connected");
    },
    async catchUp({ sinceMs, replies }) {
      if (catchUpWith === undefined) throw new Error("Cannot catch up: the connector has not started");
      await catchUpWith(sinceMs, replies);
    },
    isConnected: () => connection?.isUp() === true && now() >= refusedUntilMs,
    async tell(notice) {
      await tell(parts, notice);
    },
    readAttachment: (attachment, _workspaceId, bytesMax, signal) => readAttachment(parts, attachment, bytesMax, signal),
    async stop() {
      stopping.abort(new Error("Cannot connect to Discord: the program is stopping"));
      listening.stop();
      // The end of the connection would be told as the begin of another.
      client.removeAllListeners(Events.ShardReconnecting);
      await client.destroy();
      // What is being written is still written to its end.
      await listening.settle();
      await share.end();
    },
  };
}

interface Connection {
  isUp(): boolean;
}

/** A session that is resumed loses nothing. One that is opened anew starts with what happens from then on. */
function watchConnection(client: Client<true>, now: Now, onLost: (sinceMs: number) => void): Connection {
  const downSince = new Map<number, number>();
  client.on(Events.ShardReconnecting, (shard) => {
    if (!downSince.has(shard)) downSince.set(shard, now() - SILENCE_MAX_MS);
  });
  client.on(Events.ShardDisconnect, (_, shard) => downSince.set(shard, now()));
  client.on(Events.ShardResume, (shard) => downSince.delete(shard));
  client.on(Events.ShardReady, (shard) => {
    const sinceMs = downSince.get(shard);
    downSince.delete(shard);
    if (sinceMs !== undefined) onLost(sinceMs);
  });
  return { isUp: () => downSince.size === 0 };
}

/** Whether this process hears of that place: its servers, and for the first shard direct messages and what people call by themselves. */
function isServed({ shard, guilds }: Client<true>, workspaceId: string): boolean {
  if (shard === null) return true;
  const guildId = guildOfWorkspace(workspaceId);
  return guildId === undefined ? shard.ids.includes(0) : guilds.cache.has(guildId);
}

/** What waits to be answered is not tried for so long after the token was refused. */
const REFUSED_MS = 60_000;
/** A connection that is dead is noticed after two missed heartbeats. */
const SILENCE_MAX_MS = 90_000;
