import type { ReplyPart } from "#bots/platform-connector.ts";
import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type { SoughtPart } from "./find-replies.ts";
import type { Growing } from "./growing-reply.ts";
import { type RecentMap, recentMap } from "./recent-map.ts";
import { hasLink } from "./render-markdown.ts";
import { actionBlocks, replyMetadata } from "./reply-blocks.ts";
import { SlackBusyError } from "./slack-calls.ts";
import { causeOf, isOutcomeUnknown, slackErrorOf } from "./slack-refusals.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";
import { writeKind } from "./write-reply.ts";

/** Slack's own streaming: a text in a thread is appended to, and stopped at the end with the final buttons. */
export interface ReplyStreams {
  /** Whether this text could be shown as a stream, by what is known of the workspace and its limits. */
  canStart(part: ReplyPart, workspace: SlackWorkspace): boolean;
  /** The new message's id. Undefined: Slack has no streams here, or no room for one. */
  start(part: ReplyPart, threadId: string, workspace: SlackWorkspace): Promise<string | undefined>;
  /** False: the stream cannot go on, the message has to be edited. */
  append(state: Growing, part: ReplyPart, workspace: SlackWorkspace): Promise<boolean>;
  /** True: Slack has the whole text and the buttons. */
  end(state: Growing, part: ReplyPart, workspace: SlackWorkspace): Promise<boolean>;
  /** Leaves the text as it is. One that is over is no error. */
  stop(messageId: string, part: SoughtPart, workspace: SlackWorkspace): Promise<void>;
}

const PLACES_MAX = 2000;

/** Slack has no streams here: the whole workspace, or this channel. */
const NO_STREAM_IN_WORKSPACE = new Set([
  "unknown_method",
  "missing_scope",
  "not_allowed_token_type",
  "method_deprecated",
]);
const NO_STREAM_IN_CHANNEL = new Set([
  "channel_type_not_supported",
  "invalid_arguments",
  "missing_recipient_team_id",
  "missing_recipient_user_id",
  "team_not_found",
  "user_not_found",
]);

export function replyStreams(parts: {
  readonly streaming: "auto" | "edits";
  readonly now: Now;
  readonly log: Log;
}): ReplyStreams {
  const { now } = parts;
  const withoutStreams: RecentMap<true> = recentMap<true>(PLACES_MAX);

  function canStart(part: ReplyPart, workspace: SlackWorkspace): boolean {
    if (parts.streaming === "edits" || part.threadId === undefined) return false;
    if (part.text.trim() === "" || hasLink(part.text)) return false;
    if (withoutStreams.get(workspace.teamId) || withoutStreams.get(`${workspace.teamId} ${part.channelId}`))
      return false;
    // A stream that cannot be ended soon would keep its buttons from people for up to a minute.
    return workspace.calls.hasRoom("chat.startStream") && workspace.calls.hasRoom("chat.stopStream");
  }

  async function start(part: ReplyPart, threadId: string, workspace: SlackWorkspace): Promise<string | undefined> {
    try {
      const kind = writeKind("chat.startStream", part, { urgency: "can-skip" });
      const { ts } = await workspace.calls.run(kind, (client) =>
        client.chat.startStream({
          channel: part.channelId,
          thread_ts: threadId,
          recipient_user_id: part.askerId,
          recipient_team_id: workspace.teamId,
          markdown_text: part.text,
        }),
      );
      return ts;
    } catch (error) {
      if (error instanceof SlackBusyError) return undefined;
      const code = slackErrorOf(causeOf(error));
      if (code !== undefined && NO_STREAM_IN_WORKSPACE.has(code)) {
        withoutStreams.set(workspace.teamId, true);
        parts.log.warn({ teamId: workspace.teamId, code }, "slack.streaming-unavailable");
        return undefined;
      }
      if (code !== undefined && NO_STREAM_IN_CHANNEL.has(code)) {
        withoutStreams.set(`${workspace.teamId} ${part.channelId}`, true);
        return undefined;
      }
      throw error;
    }
  }

  async function append(state: Growing, part: ReplyPart, workspace: SlackWorkspace): Promise<boolean> {
    if (state.shown === undefined || !part.text.startsWith(state.shown) || hasLink(part.text)) return false;
    const suffix = part.text.slice(state.shown.length);
    if (suffix === "") return true;
    try {
      await workspace.calls.run(writeKind("chat.appendStream", part, { urgency: "can-skip" }), (client) =>
        client.chat.appendStream({ channel: part.channelId, ts: state.messageId, markdown_text: suffix }),
      );
      state.shown = part.text;
      state.editedAtMs = now();
      return true;
    } catch (error) {
      // The next one carries what this one did not.
      if (error instanceof SlackBusyError) return true;
      if (isOutcomeUnknown(causeOf(error))) {
        state.shown = undefined;
        return false;
      }
      if (isStreamOver(error)) return false;
      throw error;
    }
  }

  async function end(state: Growing, part: ReplyPart, workspace: SlackWorkspace): Promise<boolean> {
    const isExtension = state.shown !== undefined && part.text.startsWith(state.shown);
    if (!isExtension || hasLink(part.text)) return false;
    const suffix = part.text.slice(state.shown?.length);
    const blocks = actionBlocks(part);
    try {
      await workspace.calls.run(writeKind("chat.stopStream", part, {}), (client) =>
        client.chat.stopStream({
          channel: part.channelId,
          ts: state.messageId,
          ...(suffix === "" ? {} : { markdown_text: suffix }),
          ...(blocks.length === 0 ? {} : { blocks }),
          metadata: replyMetadata(part),
        }),
      );
      return true;
    } catch (error) {
      parts.log.debug({ code: slackErrorOf(causeOf(error)) ?? "unknown" }, "slack.stream-ended-badly");
      return false;
    }
  }

  async function stop(messageId: string, part: SoughtPart, workspace: SlackWorkspace): Promise<void> {
    const kind = { method: "chat.stopStream", what: "end a reply", urgency: "must", isRepeatable: true } as const;
    await workspace.calls
      .run(kind, (client) => client.chat.stopStream({ channel: part.channelId, ts: messageId }))
      .catch((error: unknown) => {
        if (!isStreamOver(error)) throw error;
      });
  }

  return { canStart, start, append, end, stop };
}

function isStreamOver(error: unknown): boolean {
  const code = slackErrorOf(causeOf(error));
  return code === "message_not_in_streaming_state" || code === "stopped_by_user" || code === "streaming_mode_mismatch";
}
