import { z } from "zod";
import type { Intake, PostedPlace } from "#bots/intake.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { Now } from "#core/clock.ts";
import type { Visibility } from "#core/scope.ts";
import {
  attachmentsOf,
  eventIdOf,
  incomingMessage,
  isWrittenByPerson,
  msOf,
  type SlackMessage,
  slackMessageSchema,
  threadOf,
  visibilityOf,
} from "./read-message.ts";
import { readMrkdwn } from "./read-mrkdwn.ts";
import type { AgentThread } from "./slack-agent.ts";
import type { SlackFacts } from "./slack-facts.ts";
import type { SlackThreads } from "./slack-threads.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";

/** Turns what happens in Slack into calls of the intake. Each promise resolves when the event is stored. */
export interface SlackEvents {
  /** A new message; also one that is read back after a while away. */
  message(workspace: SlackWorkspace, channelId: string, message: SlackMessage, known: KnownPlace): Promise<void>;
  /** The subtypes that tell of an earlier message or of the channel; others are ignored. */
  change(workspace: SlackWorkspace, event: unknown, known: KnownPlace): Promise<void>;
  reaction(workspace: SlackWorkspace, event: unknown, isRemoval: boolean): Promise<void>;
}

/** What the event itself tells of its channel. */
export interface KnownPlace {
  readonly channelType?: string | undefined;
  readonly isShared?: boolean;
}

export interface EventParts {
  readonly intake: Intake;
  readonly settings: SettingsWatch;
  readonly facts: SlackFacts;
  readonly threads: SlackThreads;
  /** A person wrote into a thread of their direct messages with the bot. */
  readonly onDirectThread: (workspace: SlackWorkspace, thread: AgentThread, messageId: string, text: string) => void;
  /** An event is not as Slack describes it; sent again it would be the same. Told without a word of people's. */
  readonly onNotUnderstood: (problem: string) => void;
  readonly now: Now;
}

const changedSchema = z.object({
  channel: z.string(),
  message: slackMessageSchema,
  previous_message: slackMessageSchema.optional(),
  event_ts: z.string().optional(),
});
const deletedSchema = z.object({
  channel: z.string(),
  deleted_ts: z.string(),
  previous_message: slackMessageSchema.optional(),
});
const subtypeSchema = z.object({ subtype: z.string().optional() });
const channelSchema = z.object({ channel: z.string() });
const reactionSchema = z.object({
  user: z.string(),
  reaction: z.string(),
  item_user: z.string().optional(),
  item: z.object({ type: z.string(), channel: z.string().optional(), ts: z.string().optional() }),
  event_ts: z.string(),
});

export function slackEvents(parts: EventParts): SlackEvents {
  const { intake, facts, threads } = parts;

  async function visibilityIn(workspace: SlackWorkspace, channelId: string, known: KnownPlace): Promise<Visibility> {
    const told = visibilityOf(known.channelType, known.isShared === true);
    // A place that cannot be looked up counts as private: what is said there stays there.
    return told ?? (await facts.channel(workspace, channelId))?.visibility ?? "private";
  }

  async function message(
    workspace: SlackWorkspace,
    channelId: string,
    given: SlackMessage,
    known: KnownPlace,
  ): Promise<void> {
    const userId = given.user;
    if (userId === undefined || !isWrittenByPerson(given, workspace.botUserId)) return;
    const visibility = await visibilityIn(workspace, channelId, known);
    const { workspaceId } = workspace;
    const settings = parts.settings.of({ platform: "slack", workspaceId, channelId, visibility });
    const isAddressed =
      visibility === "direct" ||
      [">", "|"].some((end) => given.text.includes(`<@${workspace.botUserId}${end}`)) ||
      given.parent_user_id === workspace.botUserId ||
      (given.thread_ts !== undefined && (await threads.has(workspaceId, channelId, given.thread_ts)));
    const roles = await facts.rolesOf(workspace, userId, settings);
    if (!intake.wants({ workspaceId, channelId, visibility, userId, roles, isAddressed })) return;

    // An agent's direct messages are threads: only there Slack shows status, stream and stop button.
    const opensThread = visibility === "direct" ? workspace.isAgent : settings.openThreads;
    const names = await facts.namesFor(workspace, given.text);
    const text = readMrkdwn(given.text, workspace.botUserId, names);
    const place = { workspaceId, channelId, visibility, opensThread };
    await intake.acceptMessage(
      eventIdOf(workspace.teamId, channelId, given.ts),
      incomingMessage(place, given, userId, text),
    );
    const threadId = threadOf(given, opensThread);
    if (visibility === "direct" && threadId !== undefined) {
      parts.onDirectThread(workspace, { channelId, threadId }, given.ts, text);
    }
  }

  function read<Event>(schema: z.ZodType<Event>, event: unknown): Event | undefined {
    const { data, error } = schema.safeParse(event);
    if (error !== undefined)
      parts.onNotUnderstood(error.issues.map(({ code, path }) => [code, ...path].join(" ")).join(", "));
    return data;
  }

  async function edited(workspace: SlackWorkspace, event: unknown, known: KnownPlace): Promise<void> {
    const change = read(changedSchema, event);
    if (change === undefined) return;
    const { channel, message: now, previous_message: before, event_ts } = change;
    if (now.subtype === "tombstone") return await deleted(workspace, channel, now.ts, before ?? now);
    // Slack also calls it a change when a link's preview is added.
    if (now.edited === undefined || now.text === before?.text || !isWrittenByPerson(now, workspace.botUserId)) return;
    const names = await facts.namesFor(workspace, now.text);
    const attachments = attachmentsOf(now);
    await intake.acceptEdit({
      ...placeOf(workspace, channel, now.ts, now),
      visibility: await visibilityIn(workspace, channel, known),
      ...(attachments.length === 0 ? {} : { attachments }),
      text: readMrkdwn(now.text, workspace.botUserId, names),
      // The message tells the second only: two edits within one would be the same.
      editedAtMs: msOf(event_ts ?? now.edited.ts),
    });
  }

  async function deleted(
    workspace: SlackWorkspace,
    channelId: string,
    ts: string,
    before?: SlackMessage,
  ): Promise<void> {
    await intake.acceptDeletion(placeOf(workspace, channelId, ts, before));
  }

  async function visibilityChanged(workspace: SlackWorkspace, event: unknown, visibility: Visibility): Promise<void> {
    const { channel } = read(channelSchema, event) ?? {};
    if (channel === undefined) return;
    facts.forgetChannel(workspace, channel);
    const { workspaceId } = workspace;
    await intake.acceptPlaceEvent({ kind: "visibility-changed", workspaceId, channelId: channel, visibility });
  }

  return {
    message,
    async change(workspace, event, known) {
      const { subtype } = read(subtypeSchema, event) ?? {};
      if (subtype === "message_changed") return await edited(workspace, event, known);
      if (subtype === "message_deleted") {
        const deletion = read(deletedSchema, event);
        if (deletion === undefined) return;
        const { channel, deleted_ts, previous_message } = deletion;
        return await deleted(workspace, channel, deleted_ts, previous_message);
      }
      if (subtype === "channel_convert_to_private") return await visibilityChanged(workspace, event, "private");
      if (subtype === "channel_convert_to_public") {
        return await visibilityChanged(workspace, event, known.isShared === true ? "private" : "public");
      }
    },
    async reaction(workspace, event, isRemoval) {
      const given = read(reactionSchema, event);
      if (given === undefined) return;
      const { user, reaction, item, item_user, event_ts } = given;
      if (item.type !== "message" || item.channel === undefined || item.ts === undefined) return;
      if (user === workspace.botUserId || (item_user !== undefined && item_user !== workspace.botUserId)) return;
      if ((await facts.user(workspace, user))?.isBot === true) return;
      await intake.acceptFeedback({
        workspaceId: workspace.workspaceId,
        channelId: item.channel,
        messageId: item.ts,
        userId: user,
        source: "reaction",
        emoji: reaction,
        ...(isRemoval ? { isRemoval } : {}),
        atMs: msOf(event_ts),
      });
    },
  };
}

function placeOf(workspace: SlackWorkspace, channelId: string, messageId: string, message?: SlackMessage): PostedPlace {
  const threadId = message === undefined ? undefined : threadOf(message, false);
  const { workspaceId } = workspace;
  return { workspaceId, channelId, messageId, ...(threadId === undefined ? {} : { threadId }) };
}
