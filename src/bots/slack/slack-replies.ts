import { setTimeout as sleep } from "node:timers/promises";
import type { PostedPlace } from "#bots/intake.ts";
import type { PlatformConnector, PostedPart, ReplyPart } from "#bots/platform-connector.ts";
import type { Now } from "#core/clock.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import { findReplies, isMarkedAs, isUnmarkedStream, type SoughtPart } from "./find-replies.ts";
import { latePosts } from "./late-posts.ts";
import { type RecentMap, recentMap } from "./recent-map.ts";
import { fallbackText, hasLink } from "./render-markdown.ts";
import { actionBlocks, markdownBlock, replyMetadata } from "./reply-blocks.ts";
import { type CallKind, SlackBusyError } from "./slack-calls.ts";
import { isOutcomeUnknown, isTimedOut, slackErrorOf } from "./slack-refusals.ts";
import type { SlackWorkspace, SlackWorkspaces } from "./slack-workspaces.ts";

/**
 * Posts and grows replies. In a thread a growing text is Slack's own stream: appended to, and stopped at the end with the final
 * buttons. Where Slack refuses that, the text holds a link or is no extension of what is shown, or an append's outcome is
 * unknown, the message is edited instead: an edit gets no previews. The last call always leaves the whole text.
 */
export interface SlackReplies
  extends Required<Pick<PlatformConnector, "post" | "hasRoomFor" | "edit" | "remove" | "reconcile">> {
  /** Replies that are being written in a channel or thread. */
  growingIn(workspaceId: string, channelId: string, threadId: string | undefined): readonly PostedPart[];
}

export interface RepliesParts {
  readonly workspaces: SlackWorkspaces;
  readonly streaming: "auto" | "edits";
  /** The bot wrote into a thread: it is part of it from now on. */
  readonly onPosted: (place: PostedPlace) => void;
  /** How long a call is waited for. */
  readonly callTimeoutMs: number;
  /** Where other processes write replies into the same workspaces. */
  readonly live?: LiveProcesses | undefined;
  /** Aborts when the connector stops. */
  readonly signal: AbortSignal;
  readonly now: Now;
  readonly log: Log;
}

interface Growing {
  readonly turnId: string;
  readonly part: number;
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId: string | undefined;
  readonly messageId: string;
  isStream: boolean;
  /** What Slack has for sure. Undefined: an append's outcome is unknown, so nothing is appended any more. */
  shown: string | undefined;
  editedAtMs: number;
}

/** Least time between two edits that only show progress. */
export const EDIT_INTERVAL_MS = 1000;
const GROWING_MAX = 2000;
/** A reply that has not grown for so long was given up. */
const ENDED_WITHIN_MS = 60_000;
const POSTS_MAX = 3;
/**
 * After a lost answer the message may take a moment to show in the history. In times that a call is waited for; the later looks
 * are for a call that was given up: it may not have begun to be carried out.
 */
const LOOKS = [1 / 50, 1 / 15, 1 / 5];

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

export function slackReplies(parts: RepliesParts): SlackReplies {
  const growing = recentMap<Growing>(GROWING_MAX);
  const withoutStreams: RecentMap<true> = recentMap<true>(GROWING_MAX);
  /** Posts under way, by thread: what they make is not known yet. */
  const begun = new Map<string, number>();
  /** Replies whose end other processes count with. */
  const awaitedEnds: RecentMap<true> = recentMap<true>(GROWING_MAX);
  /** What was written into a message last. */
  const written = recentMap<ReplyPart>(GROWING_MAX);
  const { workspaces, now } = parts;
  const late = latePosts({
    ...parts,
    isFree: (part, messageId) =>
      !begun.has(threadOf(part)) && growing.get(keyOf(part.channelId, messageId)) === undefined,
    async remove(part, message, workspace) {
      if (message.streaming_state === "in_progress") await stopStreaming(message.ts, part, workspace);
      await remove(part.channelId, message.ts, workspace);
    },
  });

  function canStream(part: ReplyPart, workspace: SlackWorkspace): boolean {
    if (parts.streaming === "edits" || part.threadId === undefined) return false;
    if (part.text.trim() === "" || hasLink(part.text)) return false;
    if (withoutStreams.get(workspace.teamId) || withoutStreams.get(`${workspace.teamId} ${part.channelId}`))
      return false;
    // A stream that cannot be ended soon would keep its buttons from people for up to a minute.
    return workspace.calls.hasRoom("chat.startStream") && workspace.calls.hasRoom("chat.stopStream");
  }

  /** Every reply that grows by edits needs one more for its end: beyond Slack's minute those would wait, each behind all before it. */
  async function hasRoomFor(part: ReplyPart): Promise<boolean> {
    const workspace = await workspaces.get(part.workspaceId);
    if (canStream(part, workspace) && (await workspace.calls.hasRoomOfAll("chat.startStream"))) return true;
    const sinceMs = now() - ENDED_WITHIN_MS;
    const awaited = [...growing.entries()].filter(
      ([, one]) => one.workspaceId === part.workspaceId && !one.isStream && one.editedAtMs > sinceMs,
    );
    const posting = [...begun.values()].reduce((sum, count) => sum + count, 0);
    const left = await workspace.calls.left("chat.update");
    return left > awaited.length + posting && (await awaitEnd(part, workspace, left));
  }

  /** Other processes await the ends of their replies from the same edits. */
  async function awaitEnd(part: ReplyPart, workspace: SlackWorkspace, left: number): Promise<boolean> {
    const { live } = parts;
    if (live === undefined) return true;
    const [work, member] = [workOf(workspace), memberOf(part)];
    try {
      const awaited = await live.beat(work, member, ENDED_WITHIN_MS);
      awaitedEnds.set(member, true);
      if (awaited <= left) return true;
      await endAwaited(part, workspace);
      return false;
    } catch {
      return true; // told by the connection's health; each process counts for itself
    }
  }

  async function endAwaited(part: ReplyPart, workspace: SlackWorkspace): Promise<void> {
    const member = memberOf(part);
    if (awaitedEnds.get(member) === undefined) return;
    awaitedEnds.delete(member);
    // Else it is awaited until its time is over.
    await parts.live?.leave(workOf(workspace), member).catch(() => {});
  }

  async function startStream(
    part: ReplyPart,
    threadId: string,
    workspace: SlackWorkspace,
  ): Promise<string | undefined> {
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

  async function post(given: ReplyPart): Promise<PostedPart> {
    const part = wellFormed(given);
    const workspace = await workspaces.get(part.workspaceId);
    const thread = threadOf(part);
    begun.set(thread, (begun.get(thread) ?? 0) + 1);
    const posted = await postUntilKnown(part, workspace).finally(() => {
      const left = (begun.get(thread) ?? 1) - 1;
      if (left > 0) begun.set(thread, left);
      else begun.delete(thread);
    });
    if (part.isFinal) await settle(part, posted.messageId, workspace);
    return posted;
  }

  async function postUntilKnown(part: ReplyPart, workspace: SlackWorkspace): Promise<PostedPart> {
    for (let attempt = 1; ; attempt++) {
      const streamed = !part.isFinal && canStream(part, workspace) ? part.threadId : undefined;
      try {
        const started = streamed === undefined ? undefined : await startStream(part, streamed, workspace);
        const messageId = started ?? (await postMessage(part, workspace));
        late.notePosted(part);
        if (!part.isFinal) keep(part, messageId, started !== undefined);
        parts.onPosted(placeOf(part, messageId));
        return { messageId };
      } catch (error) {
        if (!isOutcomeUnknown(causeOf(error))) throw error;
        late.noteLost(part, streamed !== undefined);
        const found = await lookFor(part, isTimedOut(causeOf(error)));
        if (found !== undefined) {
          // Found does not mean that it holds this text.
          await show(found.messageId, part, workspace);
          parts.onPosted(placeOf(part, found.messageId));
          return found;
        }
        if (attempt >= POSTS_MAX) throw error;
      }
    }
  }

  async function lookFor(part: ReplyPart, isGivenUp: boolean): Promise<PostedPart | undefined> {
    for (const times of isGivenUp ? LOOKS : LOOKS.slice(0, 1)) {
      await sleep(times * parts.callTimeoutMs);
      const found = await reconcile(part);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** From now on this message grows as this part. */
  function keep(part: ReplyPart, messageId: string, isStream: boolean): Growing {
    const { turnId, workspaceId, channelId, threadId, text: shown } = part;
    const state = {
      turnId,
      part: part.part,
      workspaceId,
      channelId,
      threadId,
      messageId,
      isStream,
      shown,
      editedAtMs: now(),
    };
    growing.set(keyOf(channelId, messageId), state);
    return state;
  }

  async function postMessage(part: ReplyPart, workspace: SlackWorkspace): Promise<string> {
    const kind = writeKind("chat.postMessage", part, { channelId: part.channelId });
    const where = {
      channel: part.channelId,
      ...(part.threadId === undefined ? {} : { thread_ts: part.threadId }),
      metadata: replyMetadata(part),
      unfurl_links: false,
      unfurl_media: false,
    };
    const { ts } = await withPlainFallback(part, (content) =>
      workspace.calls.run(kind, (client) => client.chat.postMessage({ ...where, ...content })),
    );
    if (ts === undefined) throw new Error("chat.postMessage named no message");
    return ts;
  }

  async function edit({ messageId }: PostedPart, given: ReplyPart): Promise<void> {
    const part = wellFormed(given);
    const workspace = await workspaces.get(part.workspaceId);
    await show(messageId, part, workspace);
    if (part.isFinal) await settle(part, messageId, workspace);
  }

  async function settle(part: ReplyPart, messageId: string, workspace: SlackWorkspace): Promise<void> {
    const restore = async () => {
      const last = written.get(keyOf(part.channelId, messageId));
      if (last?.isFinal === true) await update(messageId, last, workspace);
    };
    await late.settle(part, messageId, workspace, restore);
  }

  async function show(messageId: string, part: ReplyPart, workspace: SlackWorkspace): Promise<void> {
    const key = keyOf(part.channelId, messageId);
    written.set(key, part);
    const state = growing.get(key);
    if (part.isFinal) {
      if (state?.isStream !== true || !(await endStream(state, part, workspace))) {
        await update(messageId, part, workspace);
      }
      growing.delete(key);
      await endAwaited(part, workspace);
      return;
    }
    if (state?.isStream === true && (await append(state, part, workspace))) return;
    if (state !== undefined && now() - state.editedAtMs < EDIT_INTERVAL_MS) return;
    try {
      await update(messageId, part, workspace);
    } catch (error) {
      // The next one, and at last the final one, carries the whole text.
      if (error instanceof SlackBusyError) return;
      throw error;
    }
    if (state !== undefined) Object.assign(state, { isStream: false, shown: part.text, editedAtMs: now() });
  }

  /** False: the stream cannot go on, the message has to be edited. */
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

  /** True: Slack has the whole text and the buttons. */
  async function endStream(state: Growing, part: ReplyPart, workspace: SlackWorkspace): Promise<boolean> {
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

  /** Replaces the whole text. A message that still streams is stopped first. */
  async function update(messageId: string, part: ReplyPart, workspace: SlackWorkspace): Promise<void> {
    const what = part.isFinal
      ? ({ urgency: "must" } as const)
      : ({ urgency: "can-skip", onTimedOut: () => late.noteStale(part) } as const);
    const kind = writeKind("chat.update", part, { ...what, isRepeatable: true });
    const send = () =>
      withPlainFallback(part, (content) =>
        workspace.calls.run(kind, (client) =>
          client.chat.update({ channel: part.channelId, ts: messageId, metadata: replyMetadata(part), ...content }),
        ),
      );
    try {
      await send();
    } catch (error) {
      if (slackErrorOf(causeOf(error)) !== "streaming_state_conflict") throw error;
      await stopStreaming(messageId, part, workspace);
      await send();
    }
  }

  async function stopStreaming(messageId: string, part: SoughtPart, workspace: SlackWorkspace): Promise<void> {
    const kind = { method: "chat.stopStream", what: "end a reply", urgency: "must", isRepeatable: true } as const;
    await workspace.calls
      .run(kind, (client) => client.chat.stopStream({ channel: part.channelId, ts: messageId }))
      .catch((error: unknown) => {
        if (!isStreamOver(error)) throw error;
      });
  }

  async function reconcile(part: Omit<ReplyPart, "text" | "isFinal">): Promise<PostedPart | undefined> {
    const workspace = await workspaces.get(part.workspaceId);
    const messages = await findReplies(part, workspace, "must");
    const [own, ...doubles] = messages.filter((message) => isMarkedAs(message, part));
    if (doubles.length > 0) late.noteDoubles(part);
    if (own !== undefined) return { messageId: own.ts };
    const orphan = messages.find((message) => {
      const held = growing.get(keyOf(part.channelId, message.ts));
      const isAnothers = held !== undefined && (held.turnId !== part.turnId || held.part !== part.part);
      return isUnmarkedStream(message, workspace) && !isAnothers;
    });
    if (orphan === undefined) return undefined;
    // Taken at once: a second reply that looks for its own must not find the same.
    keep({ ...part, text: "", isFinal: false }, orphan.ts, true).shown = undefined;
    return { messageId: orphan.ts };
  }

  /** One that is gone already is no error. */
  async function remove(channelId: string, messageId: string, workspace: SlackWorkspace): Promise<void> {
    growing.delete(keyOf(channelId, messageId));
    written.delete(keyOf(channelId, messageId));
    const kind = { method: "chat.delete", what: "delete a message", urgency: "must", isRepeatable: true } as const;
    await workspace.calls
      .run(kind, (client) => client.chat.delete({ channel: channelId, ts: messageId }))
      .catch((error: unknown) => {
        if (slackErrorOf(causeOf(error)) !== "message_not_found") throw error;
      });
  }

  return {
    post,
    hasRoomFor,
    edit,
    reconcile,
    async remove({ workspaceId, channelId, messageId }) {
      await remove(channelId, messageId, await workspaces.get(workspaceId));
    },
    growingIn(workspaceId, channelId, threadId) {
      return [...growing.entries()]
        .map(([, state]) => state)
        .filter((state) => state.workspaceId === workspaceId && state.channelId === channelId)
        .filter((state) => threadId === undefined || state.threadId === threadId)
        .map(({ messageId }) => ({ messageId }));
    },
  };
}

function placeOf({ workspaceId, channelId, threadId }: ReplyPart, messageId: string): PostedPlace {
  return { workspaceId, channelId, messageId, ...(threadId === undefined ? {} : { threadId }) };
}

/** The SDK cannot send half a character. At the end of a growing text its other half is still to come. */
function wellFormed(part: ReplyPart): ReplyPart {
  const text = part.isFinal ? part.text : part.text.replace(/[\uD800-\uDBFF]$/, "");
  return { ...part, text: text.toWellFormed() };
}

function isStreamOver(error: unknown): boolean {
  const code = slackErrorOf(causeOf(error));
  return code === "message_not_in_streaming_state" || code === "stopped_by_user" || code === "streaming_mode_mismatch";
}

/** A refusal keeps the SDK's error as its cause. */
function causeOf(error: unknown): unknown {
  return error instanceof PlatformRefusedError ? error.cause : error;
}

function threadOf({ channelId, threadId }: SoughtPart): string {
  return keyOf(channelId, threadId ?? "");
}

function keyOf(channelId: string, messageId: string): string {
  return `${channelId} ${messageId}`;
}

function writeKind(method: string, { isFinal }: Pick<ReplyPart, "isFinal">, given: Partial<CallKind>): CallKind {
  return { method, what: isFinal ? "post a reply" : "show a reply", urgency: "must", isRepeatable: false, ...given };
}

type Content =
  | { readonly text: string; readonly blocks: ReturnType<typeof contentBlocks> }
  | { readonly markdown_text: string };

function contentBlocks(part: ReplyPart) {
  return [markdownBlock(part.text === "" ? "…" : part.text), ...actionBlocks(part)];
}

/** Blocks where Slack takes them; a workspace that refuses one of them gets the text without buttons. */
async function withPlainFallback<Result>(
  part: ReplyPart,
  send: (content: Content) => Promise<Result>,
): Promise<Result> {
  try {
    return await send({ text: fallbackText(part.text) || "…", blocks: contentBlocks(part) });
  } catch (error) {
    const code = slackErrorOf(causeOf(error));
    if (code !== "invalid_blocks" && code !== "invalid_blocks_format") throw error;
    return await send({ markdown_text: part.text === "" ? "…" : part.text });
  }
}

function workOf({ teamId }: SlackWorkspace): string {
  return `slack edits ${teamId}`;
}

function memberOf({ turnId, part }: Pick<ReplyPart, "turnId" | "part">): string {
  return `${turnId} ${part}`;
}
