import {
  type APIEmoji,
  type APIMessage,
  type APIUser,
  GatewayDispatchEvents,
  type GatewayMessageReactionAddDispatchData,
  type GatewayMessageReactionRemoveAllDispatchData,
  type GatewayMessageReactionRemoveDispatchData,
  type GatewayMessageReactionRemoveEmojiDispatchData,
  Routes,
} from "discord.js";
import type { PostedPlace } from "#bots/intake.ts";
import { scoreOfEmoji } from "#core/feedback.ts";
import type { ListeningParts } from "./discord-parts.ts";
import { placeFields } from "./listen-messages.ts";
import type { Listening } from "./listening.ts";
import { type ChannelPlace, findPlace, guildOfWorkspace } from "./place.ts";
import { filesOf, isFromPerson, textOf } from "./read-message.ts";
import { isGone } from "./refusals.ts";

const USERS_PER_REQUEST = 100;
const USERS_PER_EMOJI_MAX = 1000;

type Emoji = Pick<APIEmoji, "id" | "name">;

/** What follows so soon on the same emoji of the same person may have changed places with it. */
const OVERTAKEN_MS = 10_000;
const KEPT_MAX = 1000;

/** What was heard last of one emoji of one person under one message. */
interface LastHeard {
  readonly atMs: number;
  readonly isRemoval: boolean;
  /** It was given although it stood there: the removal in between may still come. */
  readonly isAgain: boolean;
}

/** Reactions carry no time of their own: the moment they are heard counts, and where the order is in doubt what stands is read. */
export function listenToReactions(parts: ListeningParts, listening: Listening): void {
  const { client, intake, now } = parts;
  const lastHeard = new Map<string, LastHeard>();
  const heardAtMs = new Map<string, number>();

  /** A connection that is resumed tells many events in one moment: what one person did under a message keeps its order all the same. */
  function hear(messageId: string, userId: string): number {
    const key = JSON.stringify([messageId, userId]);
    const atMs = Math.max(now(), (heardAtMs.get(key) ?? Number.NEGATIVE_INFINITY) + 1);
    keepRecent(heardAtMs, key, atMs);
    return atMs;
  }

  async function accept(
    data: GatewayMessageReactionRemoveDispatchData | GatewayMessageReactionAddDispatchData,
    isRemoval: boolean,
  ): Promise<void> {
    if (data.user_id === client.user.id) return;
    if ("member" in data && data.member?.user.bot === true) return;
    if ("message_author_id" in data && data.message_author_id !== undefined) {
      if (data.message_author_id !== client.user.id) return;
    }
    const atMs = hear(data.message_id, data.user_id);
    const place = await findPlace(parts, data.channel_id, data.guild_id);
    const emoji = place === undefined ? undefined : emojiKey(parts, place, data.emoji);
    if (place === undefined || emoji === undefined) return;
    const key = JSON.stringify([data.message_id, data.user_id, emoji]);
    const before = lastHeard.get(key);
    const isInDoubt = before !== undefined && mayHaveOvertaken(before, isRemoval, atMs);
    keepRecent(lastHeard, key, { atMs, isRemoval, isAgain: !isRemoval && before?.isRemoval === false });
    await intake.acceptFeedback({
      workspaceId: place.workspaceId,
      channelId: place.channelId,
      messageId: data.message_id,
      userId: data.user_id,
      source: "reaction",
      emoji,
      ...(isRemoval ? { isRemoval: true } : {}),
      atMs,
    });
    if (isInDoubt) await acceptReactionsNow(parts, { ...placeFields(place), messageId: data.message_id }, atMs);
  }

  listening.on<GatewayMessageReactionAddDispatchData>(GatewayDispatchEvents.MessageReactionAdd, (data) =>
    accept(data, false),
  );
  listening.on<GatewayMessageReactionRemoveDispatchData>(GatewayDispatchEvents.MessageReactionRemove, (data) =>
    accept(data, true),
  );

  listening.on<GatewayMessageReactionRemoveAllDispatchData>(
    GatewayDispatchEvents.MessageReactionRemoveAll,
    async (data) => {
      const atMs = now();
      const place = await findPlace(parts, data.channel_id, data.guild_id);
      if (place === undefined) return;
      await intake.acceptReactions({ ...placeFields(place), messageId: data.message_id, reactions: [], atMs });
    },
  );
  // Whose reactions they were is not told: what is left says it.
  listening.on<GatewayMessageReactionRemoveEmojiDispatchData>(
    GatewayDispatchEvents.MessageReactionRemoveEmoji,
    async (data) => {
      const place = await findPlace(parts, data.channel_id, data.guild_id);
      if (place !== undefined) await acceptReactionsNow(parts, { ...placeFields(place), messageId: data.message_id });
    },
  );
}

function mayHaveOvertaken(before: LastHeard, isRemoval: boolean, atMs: number): boolean {
  return atMs - before.atMs < OVERTAKEN_MS && (isRemoval ? before.isAgain : before.isRemoval);
}

function keepRecent<T>(kept: Map<string, T>, key: string, value: T): void {
  kept.delete(key);
  kept.set(key, value);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX) break;
    kept.delete(oldest);
  }
}

/**
 * Reads the reactions under a message as they are, and no earlier than what was heard; a message that is gone is handed on as
 * deleted.
 */
export async function acceptReactionsNow(parts: ListeningParts, place: PostedPlace, heardAtMs = 0): Promise<void> {
  const { client, intake, now } = parts;
  const channelId = place.threadId ?? place.channelId;
  const atMs = Math.max(now(), heardAtMs);
  let message: APIMessage;
  try {
    message = (await client.rest.get(Routes.channelMessage(channelId, place.messageId))) as APIMessage;
  } catch (error) {
    if (isGone(error)) return await intake.acceptDeletion(place);
    throw error;
  }
  if (message.author.id !== client.user.id || !(await acceptQuestionNow(parts, place, message))) return;
  const { emoji: scores } = parts.settings.of({ platform: "discord", ...placeFields(place) });
  const reactions: { readonly userId: string; readonly emoji: string }[] = [];
  for (const { emoji } of message.reactions ?? []) {
    const key = emojiKey(parts, place, emoji);
    if (key === undefined || scoreOfEmoji(key, scores) === undefined) continue;
    for (const user of await readReactors(parts, channelId, place.messageId, emoji)) {
      if (user.bot !== true && user.id !== client.user.id) reactions.push({ userId: user.id, emoji: key });
    }
  }
  await intake.acceptReactions({ ...place, reactions, atMs });
}

/** Discord tells with a reply what became of the message that it answers. False when that is gone. */
async function acceptQuestionNow(
  parts: ListeningParts,
  place: PostedPlace,
  { message_reference: reference, referenced_message: question }: APIMessage,
): Promise<boolean> {
  if (reference?.message_id === undefined || question === undefined) return true;
  const questionPlace = { ...place, messageId: reference.message_id };
  if (question === null) {
    await parts.intake.acceptDeletion(questionPlace);
    return false;
  }
  if (question.edited_timestamp !== null && isFromPerson(question)) {
    const guild_id = guildOfWorkspace(place.workspaceId);
    const text = textOf(parts, guild_id === undefined ? question : { ...question, guild_id });
    const editedAtMs = Date.parse(question.edited_timestamp);
    await parts.intake.acceptEdit({ ...questionPlace, text, ...filesOf(question), editedAtMs });
  }
  return true;
}

async function readReactors(
  { client }: ListeningParts,
  channelId: string,
  messageId: string,
  emoji: Emoji,
): Promise<readonly APIUser[]> {
  const name = encodeURIComponent(emoji.id === null ? (emoji.name ?? "") : `${emoji.name}:${emoji.id}`);
  const users: APIUser[] = [];
  while (users.length < USERS_PER_EMOJI_MAX) {
    const after = users.at(-1)?.id;
    const query = new URLSearchParams({ limit: String(USERS_PER_REQUEST), ...(after === undefined ? {} : { after }) });
    const page = (await client.rest.get(Routes.channelMessageReaction(channelId, messageId, name), {
      query,
    })) as APIUser[];
    users.push(...page);
    if (page.length < USERS_PER_REQUEST) break;
  }
  return users;
}

/** A custom emoji goes by its name, or by `name:id` where the settings name just that one. */
function emojiKey(
  { settings }: ListeningParts,
  place: Pick<ChannelPlace, "workspaceId" | "channelId">,
  emoji: Emoji,
): string | undefined {
  if (emoji.name === null) return undefined;
  if (emoji.id === null) return emoji.name;
  const exact = `${emoji.name}:${emoji.id}`;
  const { workspaceId, channelId } = place;
  return settings.of({ platform: "discord", workspaceId, channelId }).emoji.has(exact) ? exact : emoji.name;
}
