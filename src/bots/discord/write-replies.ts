import { type APIMessage, MessageFlags, Routes } from "discord.js";
import type { PostedPlace } from "#bots/intake.ts";
import type { PlaceSettings } from "#bots/place-settings.ts";
import type { BusyPlace, PlatformConnector, PostedPart, ReplyPart } from "#bots/platform-connector.ts";
import { describeError } from "#core/errors.ts";
import { keyOfCustomId, partKey } from "./custom-id.ts";
import type { DiscordParts } from "./discord-parts.ts";
import type { LateEdits } from "./late-edits.ts";
import type { OpenThreads } from "./open-threads.ts";
import { isWorkspaceOfUser } from "./place.ts";
import { isDiscordError, isGone, orRefusal, toRefusal } from "./refusals.ts";
import { type Row, replyRows } from "./reply-components.ts";
import type { UserCalls } from "./user-calls.ts";

type Writing = Pick<PlatformConnector, "post" | "edit" | "remove" | "reconcile" | "offerEmoji" | "showBusy">;

/** Discord shows typing for ten seconds. */
const TYPING_REPEAT_MS = 8000;
/** An answer that comes at once needs no sign; the request for it would cost as much as the answer. */
const TYPING_AFTER_MS = 250;
const KEYS_KEPT_MAX = 5000;
const RECONCILE_MESSAGES_MAX = 100;
const GIVE_WAY_STEP_MS = 250;
const GIVE_WAY_MAX_MS = 10_000;
const NOTHING_YET = "…";
/** Discord takes a reaction per quarter of a second and channel; its headers tell so only from the second on. */
const REACTION_PACE_MS = 300;

const THREAD_ARCHIVED = 50_083;
const UNKNOWN_EMOJI = 10_014;
const REACTION_BLOCKED = 90_001;
const TOO_MANY_REACTIONS = 30_010;

/** Replies as messages of the bot. Each part goes out under a nonce of its turn, so that Discord itself refuses a double. */
export function createReplyWriter(
  parts: DiscordParts,
  threads: OpenThreads,
  userCalls: UserCalls,
  late: LateEdits,
): Writing & { readonly noteOwn: (message: Pick<APIMessage, "id" | "nonce">) => void } {
  const { client, settings, log, now } = parts;
  const messageIds = new Map<string, string>();
  const textsUnderWay = new Map<string, number>();
  const reactionSlots = new Map<string, number>();

  function keep(key: string, messageId: string): void {
    messageIds.delete(key);
    messageIds.set(key, messageId);
    for (const oldest of messageIds.keys()) {
      if (messageIds.size <= KEYS_KEPT_MAX) break;
      messageIds.delete(oldest);
    }
  }

  function bodyOf(part: ReplyPart, key: string) {
    const place = { platform: "discord", workspaceId: part.workspaceId, channelId: part.channelId } as const;
    const components = rowsOf(part, key, settings.of(place));
    return {
      // Discord refuses an empty message.
      content: part.text.trim() === "" ? NOTHING_YET : part.text,
      allowed_mentions: { parse: [], replied_user: false },
      flags: MessageFlags.SuppressEmbeds,
      components,
    };
  }

  async function writeText<T>(channelId: string, act: () => Promise<T>): Promise<T> {
    textsUnderWay.set(channelId, (textsUnderWay.get(channelId) ?? 0) + 1);
    try {
      return await act();
    } finally {
      const left = (textsUnderWay.get(channelId) ?? 1) - 1;
      if (left > 0) textsUnderWay.set(channelId, left);
      else textsUnderWay.delete(channelId);
    }
  }

  async function post(part: ReplyPart): Promise<PostedPart> {
    const key = partKey(part.turnId, part.part);
    const body = bodyOf(part, key);
    const call = userCalls.of(part.inReplyTo);
    if (call !== undefined) {
      const { id } = await orRefusal("post the reply", () => call.post(body));
      userCalls.add(id, call);
      return { messageId: id };
    }
    const channelId = await threads.targetOf(part);
    const posted = await orRefusal("post the reply", () =>
      writeText(channelId, () =>
        client.rest.post(Routes.channelMessages(channelId), {
          body: { ...body, nonce: key, enforce_nonce: true, ...referenceTo(part, channelId) },
        }),
      ),
    );
    const { id, content } = posted as APIMessage;
    keep(key, id);
    // The nonce was known: this is the message of an earlier try, with the text of then.
    if (content !== "" && content !== body.content.trim()) await edit({ messageId: id }, part);
    return { messageId: id };
  }

  /** In an archived thread nothing that stands there changes. Like anything written anew there, this wakes it. */
  async function awake<T>(channelId: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (!isDiscordError(error, THREAD_ARCHIVED)) throw error;
      const isAwake = await client.rest.patch(Routes.channel(channelId), { body: { archived: false } }).then(
        () => true,
        () => false,
      );
      if (!isAwake) throw error;
      return await act();
    }
  }

  async function edit(posted: PostedPart, part: ReplyPart): Promise<void> {
    await writeEdit(posted, part);
    late.noteEdited(posted.messageId, part.isFinal ? () => writeEdit(posted, part) : undefined);
  }

  async function writeEdit(posted: PostedPart, part: ReplyPart): Promise<void> {
    const body = bodyOf(part, partKey(part.turnId, part.part));
    const call = userCalls.of(posted.messageId);
    await orRefusal("edit the reply", async () => {
      if (call !== undefined) return await call.edit(posted.messageId, body);
      const channelId = threads.writtenIn(part);
      const route = Routes.channelMessage(channelId, posted.messageId);
      await writeText(channelId, () => awake(channelId, () => client.rest.patch(route, { body })));
    });
  }

  /** By what Discord said then; else by the buttons below it; else by its place among our answers to that question. */
  async function reconcile(part: Omit<ReplyPart, "text" | "isFinal">): Promise<PostedPart | undefined> {
    const key = partKey(part.turnId, part.part);
    const known = messageIds.get(key);
    if (known !== undefined) return { messageId: known };
    const channelId = threads.writtenIn(part);
    if (!isSnowflake(part.inReplyTo) || userCalls.of(part.inReplyTo) !== undefined) return undefined;
    const found = await client.rest
      .get(Routes.channelMessages(channelId), {
        query: new URLSearchParams({ after: part.inReplyTo, limit: String(RECONCILE_MESSAGES_MAX) }),
      })
      .catch((error: unknown) => {
        if (isGone(error)) return [];
        throw toRefusal(error, "look for the reply");
      });
    const messageId = pickPart(found as APIMessage[], part, key, client.user.id, new Set(messageIds.values()));
    if (messageId !== undefined) keep(key, messageId);
    return messageId === undefined ? undefined : { messageId };
  }

  async function remove(place: PostedPlace): Promise<void> {
    const call = userCalls.of(place.messageId);
    const channelId = threads.writtenIn(place);
    late.forget(place.messageId);
    try {
      if (call !== undefined) await call.remove(place.messageId);
      else await awake(channelId, () => client.rest.delete(Routes.channelMessage(channelId, place.messageId)));
    } catch (error) {
      if (!isGone(error)) throw toRefusal(error, "delete the message");
    }
  }

  /** One after the other, in order; a person who waits for text comes first. */
  async function offerEmoji(place: PostedPlace, emoji: readonly string[]): Promise<void> {
    if (userCalls.of(place.messageId) !== undefined) return;
    const channelId = threads.writtenIn(place);
    for (const name of emoji) {
      await pause(takeReactionSlot(channelId) - now());
      for (let waitedMs = 0; textsUnderWay.has(channelId) && waitedMs < GIVE_WAY_MAX_MS; waitedMs += GIVE_WAY_STEP_MS) {
        await pause(GIVE_WAY_STEP_MS);
      }
      try {
        const route = Routes.channelMessageOwnReaction(channelId, place.messageId, encodeURIComponent(name));
        await awake(channelId, () => client.rest.put(route));
      } catch (error) {
        // Deleted from its server, or of one where the bot is not.
        if (isDiscordError(error, UNKNOWN_EMOJI)) {
          log.warn({ emoji: name }, "discord.emoji-unknown");
          continue;
        }
        if (isGone(error) || isDiscordError(error, REACTION_BLOCKED, TOO_MANY_REACTIONS)) return;
        throw toRefusal(error, "add a reaction");
      }
    }
  }

  function takeReactionSlot(channelId: string): number {
    const slotMs = Math.max(now(), (reactionSlots.get(channelId) ?? 0) + REACTION_PACE_MS);
    for (const [id, takenMs] of reactionSlots) if (takenMs + REACTION_PACE_MS < now()) reactionSlots.delete(id);
    reactionSlots.set(channelId, slotMs);
    return slotMs;
  }

  function showBusy(place: BusyPlace, signal: AbortSignal): void {
    if (signal.aborted || userCalls.of(place.inReplyTo) !== undefined) return;
    const show = async () => {
      const channelId = await threads.targetOf(place);
      if (!signal.aborted) await client.rest.post(Routes.channelTyping(channelId), { signal });
    };
    const tick = () =>
      void show().catch((error: unknown) => {
        if (!signal.aborted) log.debug({ reason: describeError(error) }, "discord.typing-failed");
      });
    const timer = setInterval(tick, TYPING_REPEAT_MS);
    const first = setTimeout(tick, TYPING_AFTER_MS);
    const end = () => {
      clearInterval(timer);
      clearTimeout(first);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  return {
    post,
    edit,
    remove,
    reconcile,
    offerEmoji,
    showBusy,
    noteOwn({ id, nonce }) {
      if (typeof nonce === "string") keep(nonce, id);
    },
  };
}

/** Buttons to rate stand in for the emoji where those are not offered, or where the bot may not react. */
function rowsOf(part: ReplyPart, key: string, { offerEmoji, emoji }: PlaceSettings): Row[] {
  const isRatedByEmoji = offerEmoji && !isWorkspaceOfUser(part.workspaceId);
  const actions = isRatedByEmoji ? part.actions.filter((action) => action !== "rate") : part.actions;
  return replyRows({ ...part, actions }, key, emoji);
}

/** A question in the channel above its thread cannot be referred to from inside; the thread hangs on it anyway. */
function referenceTo(part: ReplyPart, channelId: string) {
  if (!isSnowflake(part.inReplyTo) || channelId === part.inReplyTo) return {};
  return { message_reference: { message_id: part.inReplyTo, fail_if_not_exists: false } };
}

function isSnowflake(id: string): boolean {
  return /^\d{15,20}$/.test(id);
}

/** Discord tells a nonce only once, with the answer to the post. */
function pickPart(
  messages: readonly APIMessage[],
  part: Pick<ReplyPart, "inReplyTo" | "part" | "threadId">,
  key: string,
  ownId: string,
  taken: ReadonlySet<string>,
): string | undefined {
  const own = messages
    .filter(({ author }) => author.id === ownId)
    .sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
  const marked = own.find((message) => message.nonce === key || keysUnder(message).includes(key));
  if (marked !== undefined) return marked.id;
  const isThreadOfQuestion = part.threadId === part.inReplyTo;
  const answers = own.filter((message) => {
    const refersTo = message.message_reference?.message_id;
    return isThreadOfQuestion ? refersTo === undefined : refersTo === part.inReplyTo;
  });
  const candidate = answers[part.part];
  if (candidate === undefined || taken.has(candidate.id) || keysUnder(candidate).length > 0) return undefined;
  return candidate.id;
}

function keysUnder(message: APIMessage): string[] {
  return (message.components ?? []).flatMap((row) =>
    "components" in row
      ? row.components.flatMap((component) => {
          const key = "custom_id" in component ? keyOfCustomId(component.custom_id) : undefined;
          return key === undefined ? [] : [key];
        })
      : [],
  );
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
