import { ChannelType, PermissionFlagsBits, Routes, ThreadAutoArchiveDuration } from "discord.js";
import { describeError, PlatformRefusedError } from "#core/errors.ts";
import type { DiscordParts } from "./discord-parts.ts";
import { canHere } from "./place.ts";
import { isDiscordError, toRefusal } from "./refusals.ts";

const THREAD_EXISTS = 160_004;
const TITLE_BLOCKED = 200_001;
const PLAIN_NAME = "Answer";
const KEPT_MAX = 2000;
const NAME_CHARS_MAX = 80;
const NEEDED = PermissionFlagsBits.CreatePublicThreads | PermissionFlagsBits.SendMessagesInThreads;

/** Where a reply goes, as far as its channel tells. */
export interface ReplyTarget {
  readonly channelId: string;
  readonly threadId?: string;
  readonly inReplyTo: string;
}

/**
 * Threads that hang on a question. Discord gives such a thread the question's own id, so it is known before it exists; it is
 * made when something is written into it.
 */
export interface OpenThreads {
  /** The thread in which a message of a channel will be answered; undefined when it is answered in the channel. */
  planFor(message: { readonly id: string; readonly channelId: string; readonly text: string }): string | undefined;
  /**
   * The channel to write to; makes the thread first where it was planned. Where Discord takes no thread it is the channel itself: an
   * answer beside its question is better than none. Rejects as `post` of the connector.
   */
  targetOf(target: ReplyTarget): Promise<string>;
  /** Where what was written stands. */
  writtenIn(place: Pick<ReplyTarget, "channelId" | "threadId">): string;
}

export function createOpenThreads({ client, log }: Pick<DiscordParts, "client" | "log">): OpenThreads {
  const names = new Map<string, string>();
  const made = new Map<string, Promise<void>>();
  const refused = new Map<string, true>();

  async function make(channelId: string, messageId: string): Promise<void> {
    try {
      await open(channelId, messageId, names.get(messageId) ?? PLAIN_NAME);
    } catch (error) {
      if (isDiscordError(error, THREAD_EXISTS)) return;
      const refusal = toRefusal(error, "open a thread");
      const hasNoThreads =
        refusal instanceof PlatformRefusedError && (refusal.reason === "permission" || refusal.reason === "invalid");
      if (!hasNoThreads) throw refusal;
      log.warn({ channelId, reason: describeError(refusal) }, "discord.thread-refused");
      keepNewest(refused, messageId, true);
    }
  }

  /** The title comes from the question: a rule of the server may refuse its words. */
  async function open(channelId: string, messageId: string, name: string): Promise<void> {
    try {
      await client.rest.post(Routes.threads(channelId, messageId), {
        body: { name, auto_archive_duration: ThreadAutoArchiveDuration.OneDay },
      });
    } catch (error) {
      if (name === PLAIN_NAME || !isDiscordError(error, TITLE_BLOCKED)) throw error;
      await open(channelId, messageId, PLAIN_NAME);
    }
  }

  const writtenIn: OpenThreads["writtenIn"] = ({ channelId, threadId }) =>
    threadId === undefined || refused.has(threadId) ? channelId : threadId;

  return {
    planFor({ id, channelId, text }) {
      const channel = client.channels.cache.get(channelId);
      const canHaveThreads = channel?.type === ChannelType.GuildText || channel?.type === ChannelType.GuildAnnouncement;
      if (!canHaveThreads || !canHere(channel.guild, channel, NEEDED)) return undefined;
      keepNewest(names, id, nameOf(text));
      return id;
    },
    async targetOf({ channelId, threadId, inReplyTo }) {
      if (threadId === undefined) return channelId;
      if (threadId !== inReplyTo || client.channels.cache.has(threadId)) return threadId;
      const making = made.get(threadId) ?? make(channelId, inReplyTo);
      keepNewest(made, threadId, making);
      try {
        await making;
      } catch (error) {
        made.delete(threadId);
        throw error;
      }
      return writtenIn({ channelId, threadId });
    },
    writtenIn,
  };
}

function nameOf(text: string): string {
  const line = text.replace(/\s+/gu, " ").trim();
  const characters = Array.from(line);
  if (characters.length === 0) return PLAIN_NAME;
  return characters.length <= NAME_CHARS_MAX ? line : `${characters.slice(0, NAME_CHARS_MAX - 1).join("")}…`;
}

function keepNewest<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= KEPT_MAX) return;
    map.delete(oldest);
  }
}
