import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Intake, PostedPlace } from "#bots/intake.ts";
import type { Missed } from "#bots/platform-connector.ts";
import type { Now } from "#core/clock.ts";
import { isStoreOutage } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { SlackEvents } from "./accept-events.ts";
import { msOf, slackMessageSchema } from "./read-message.ts";
import type { SlackFacts } from "./slack-facts.ts";
import { slackErrorOf } from "./slack-refusals.ts";
import type { SlackWorkspace, SlackWorkspaces } from "./slack-workspaces.ts";

export interface CatchUpParts {
  readonly intake: Intake;
  readonly events: SlackEvents;
  readonly workspaces: SlackWorkspaces;
  readonly facts: SlackFacts;
  readonly now: Now;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const CHANNELS_MAX = 1000;
const PAGES_MAX = 10;
const PAGE_MESSAGES = 200;
const REPLIES_MAX = 200;
/** Slack keeps events for a while and sends them again; what is older than this was answered by nobody for too long. */
const AWAY_MS_MAX = 7 * 86_400_000;
const TRIES_MAX = 3;
const AGAIN_MS = 1000;

const threadedSchema = slackMessageSchema.extend({ latest_reply: z.string().optional() });
const conversationSchema = z.object({
  id: z.string(),
  is_im: z.boolean().optional(),
  is_mpim: z.boolean().optional(),
  is_private: z.boolean().optional(),
  is_ext_shared: z.boolean().optional(),
  is_archived: z.boolean().optional(),
});

/**
 * Reads back what was written and how replies were rated while the process was away. One call after another, each of which waits
 * when Slack asks for it. A channel that cannot be read is left out.
 */
export async function catchUp(parts: CatchUpParts, missed: Missed): Promise<void> {
  for (const workspace of await parts.workspaces.list()) {
    const replies = missed.replies.filter(({ workspaceId }) => workspaceId === workspace.workspaceId);
    if (missed.sinceMs !== undefined) {
      const sinceMs = Math.max(missed.sinceMs, parts.now() - AWAY_MS_MAX);
      await readMessages(parts, workspace, sinceMs, replies);
    }
    for (const reply of replies.slice(0, REPLIES_MAX))
      await attempt(parts, () => readReactions(parts, workspace, reply));
  }
}

async function readMessages(
  parts: CatchUpParts,
  workspace: SlackWorkspace,
  sinceMs: number,
  replies: readonly PostedPlace[],
): Promise<void> {
  const oldest = (sinceMs / 1000).toFixed(6);
  const threadsRead = new Set<string>();
  const readThread = async (channelId: string, threadId: string, known: ReturnType<typeof placeOf>) => {
    const key = `${channelId} ${threadId}`;
    if (threadsRead.has(key)) return;
    threadsRead.add(key);
    await attempt(parts, async () => {
      for await (const message of pages(parts, workspace, "conversations.replies", {
        channel: channelId,
        ts: threadId,
        oldest,
      })) {
        if (msOf(message.ts) > sinceMs) await parts.events.message(workspace, channelId, message, known);
      }
    });
  };
  for (const conversation of await listConversations(parts, workspace)) {
    const known = placeOf(conversation);
    await attempt(parts, async () => {
      const written: z.infer<typeof threadedSchema>[] = [];
      for await (const message of pages(parts, workspace, "conversations.history", {
        channel: conversation.id,
        oldest,
      })) {
        written.push(message);
      }
      // The history begins with the newest; people are answered in the order in which they asked.
      for (const message of written.sort((one, other) => Number(one.ts) - Number(other.ts))) {
        await parts.events.message(workspace, conversation.id, message, known);
        if (message.latest_reply !== undefined) await readThread(conversation.id, message.ts, known);
      }
    });
    for (const { channelId, threadId } of replies) {
      if (channelId === conversation.id && threadId !== undefined) await readThread(channelId, threadId, known);
    }
  }
}

function placeOf(conversation: z.infer<typeof conversationSchema>) {
  const { is_im, is_mpim, is_private, is_ext_shared } = conversation;
  const channelType = is_im ? "im" : is_mpim ? "mpim" : is_private ? "group" : "channel";
  return { channelType, isShared: is_ext_shared === true };
}

async function listConversations(parts: CatchUpParts, workspace: SlackWorkspace) {
  const kind = {
    method: "users.conversations",
    what: "list channels",
    urgency: "must",
    isRepeatable: true,
    signal: parts.signal,
  } as const;
  const found: z.infer<typeof conversationSchema>[] = [];
  let cursor = "";
  do {
    const options = { types: "public_channel,private_channel,im,mpim", exclude_archived: true, limit: 200, cursor };
    const answer = await workspace.calls.run(kind, (client) => client.users.conversations(options));
    found.push(...z.array(conversationSchema).parse(answer.channels ?? []));
    cursor = answer.response_metadata?.next_cursor ?? "";
  } while (cursor !== "" && found.length < CHANNELS_MAX);
  return found;
}

interface HistoryOptions {
  readonly channel: string;
  readonly oldest: string;
  readonly ts?: string;
}

async function* pages(
  parts: CatchUpParts,
  workspace: SlackWorkspace,
  method: "conversations.history" | "conversations.replies",
  { ts, ...options }: HistoryOptions,
): AsyncGenerator<z.infer<typeof threadedSchema>> {
  const kind = {
    method,
    what: "read messages back",
    urgency: "must",
    isRepeatable: true,
    signal: parts.signal,
  } as const;
  let cursor = "";
  for (let page = 0; page < PAGES_MAX; page++) {
    const given = { ...options, limit: PAGE_MESSAGES, cursor };
    const answer = await workspace.calls.run(kind, (client) =>
      ts === undefined ? client.conversations.history(given) : client.conversations.replies({ ...given, ts }),
    );
    for (const message of answer.messages ?? []) {
      const read = threadedSchema.safeParse(message);
      if (read.success) yield read.data;
    }
    cursor = answer.response_metadata?.next_cursor ?? "";
    if (cursor === "") return;
  }
}

const reactionsSchema = z.array(z.object({ name: z.string(), users: z.array(z.string()).default([]) }));

async function readReactions(parts: CatchUpParts, workspace: SlackWorkspace, reply: PostedPlace): Promise<void> {
  const kind = {
    method: "reactions.get",
    what: "read reactions back",
    urgency: "must",
    isRepeatable: true,
    signal: parts.signal,
  } as const;
  const atMs = parts.now();
  const { channelId: channel, messageId: timestamp } = reply;
  const answer = await workspace.calls.run(kind, (client) => client.reactions.get({ channel, timestamp, full: true }));
  const reactions: { readonly userId: string; readonly emoji: string }[] = [];
  for (const { name, users } of reactionsSchema.parse(answer.message?.reactions ?? [])) {
    for (const userId of users) {
      if (userId === workspace.botUserId || (await parts.facts.user(workspace, userId))?.isBot === true) continue;
      reactions.push({ userId, emoji: name });
    }
  }
  await parts.intake.acceptReactions({ ...reply, reactions, atMs });
}

/**
 * One channel or reply that fails does not end the rest; one that is gone is told to the intake. What Slack did not refuse, such as a
 * person who could not be looked up in time just after the start, is tried again: nothing else would read it later.
 */
async function attempt(parts: CatchUpParts, act: () => Promise<void>): Promise<void> {
  for (let tries = 1; !parts.signal.aborted; tries++) {
    try {
      await act();
      return;
    } catch (error) {
      if (parts.signal.aborted) return;
      if (isStoreOutage(error)) throw error; // the next would fail too: all is fetched again later
      const cause = error instanceof Error ? error.cause : undefined;
      const code = slackErrorOf(cause);
      if (code !== undefined || tries === TRIES_MAX) {
        parts.log.warn({ err: error, code }, "slack.catch-up-skipped");
        return;
      }
      await sleep(AGAIN_MS * tries, undefined, { signal: parts.signal }).catch(() => {}); // the loop sees the stop
    }
  }
}
