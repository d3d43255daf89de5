import { setTimeout as sleep } from "node:timers/promises";
import type { PostedPlace } from "#bots/intake.ts";
import type { PlatformConnector, PostedPart, ReplyPart } from "#bots/platform-connector.ts";
import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import { findReplies, isMarkedAs, isUnmarkedStream } from "./find-replies.ts";
import { type Growing, keyOf, threadOf, wellFormed } from "./growing-reply.ts";
import { latePosts } from "./late-posts.ts";
import { recentMap } from "./recent-map.ts";
import { replyRoom } from "./reply-room.ts";
import { replyStreams } from "./reply-streams.ts";
import { SlackBusyError } from "./slack-calls.ts";
import { causeOf, isOutcomeUnknown, isTimedOut, slackErrorOf } from "./slack-refusals.ts";
import type { SlackWorkspace, SlackWorkspaces } from "./slack-workspaces.ts";
import { postReply, updateReply } from "./write-reply.ts";

/**
 * Posts and grows replies. In a thread a growing text is Slack's own stream: appended to, and stopped at the end with the final
 * buttons. Where Slack refuses that, the text holds a link or is no extension of what is shown, or an append's outcome is
 * unknown, the message is edited instead: an edit gets no previews. The last call always leaves the whole text.
 */
export interface SlackReplies
  extends Required<Pick<PlatformConnector, "post" | "hasRoomFor" | "leaveRoom" | "edit" | "remove" | "reconcile">> {
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

/** Least time between two edits that only show progress. */
export const EDIT_INTERVAL_MS = 1000;
const GROWING_MAX = 2000;
const POSTS_MAX = 3;
/**
 * After a lost answer the message may take a moment to show in the history. In times that a call is waited for; the later looks
 * are for a call that was given up: it may not have begun to be carried out.
 */
const LOOKS = [1 / 50, 1 / 15, 1 / 5];

export function slackReplies(parts: RepliesParts): SlackReplies {
  const growing = recentMap<Growing>(GROWING_MAX);
  /** Posts under way, by thread: what they make is not known yet. */
  const begun = new Map<string, number>();
  /** What was written into a message last. */
  const written = recentMap<ReplyPart>(GROWING_MAX);
  const { workspaces, now } = parts;
  const streams = replyStreams(parts);
  const room = replyRoom({
    ...parts,
    streams,
    growing: () => [...growing.entries()].map(([, state]) => state),
    posting: () => [...begun.values()].reduce((sum, count) => sum + count, 0),
  });
  const late = latePosts({
    ...parts,
    isFree: (part, messageId) =>
      !begun.has(threadOf(part)) && growing.get(keyOf(part.channelId, messageId)) === undefined,
    async remove(part, message, workspace) {
      if (message.streaming_state === "in_progress") await streams.stop(message.ts, part, workspace);
      await remove(part.channelId, message.ts, workspace);
    },
  });

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
      const streamed = !part.isFinal && streams.canStart(part, workspace) ? part.threadId : undefined;
      try {
        const started = streamed === undefined ? undefined : await streams.start(part, streamed, workspace);
        const messageId = started ?? (await postReply(part, workspace));
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
      if (state?.isStream !== true || !(await streams.end(state, part, workspace))) {
        await update(messageId, part, workspace);
      }
      growing.delete(key);
      await room.leaveRoom(part);
      return;
    }
    if (state?.isStream === true && (await streams.append(state, part, workspace))) return;
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

  /** Replaces the whole text. A message that still streams is stopped first. */
  async function update(messageId: string, part: ReplyPart, workspace: SlackWorkspace): Promise<void> {
    const what = part.isFinal
      ? ({ urgency: "must" } as const)
      : ({ urgency: "can-skip", onTimedOut: () => late.noteStale(part) } as const);
    const send = () => updateReply(messageId, part, workspace, what);
    try {
      await send();
    } catch (error) {
      if (slackErrorOf(causeOf(error)) !== "streaming_state_conflict") throw error;
      await streams.stop(messageId, part, workspace);
      await send();
    }
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
    hasRoomFor: room.hasRoomFor,
    leaveRoom: room.leaveRoom,
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
