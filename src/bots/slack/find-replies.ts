import { z } from "zod";
import type { ReplyPart } from "#bots/platform-connector.ts";
import { REPLY_EVENT } from "./reply-blocks.ts";
import type { CallKind } from "./slack-calls.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";

/** A message that stands behind a question, as far as one tells by it whose reply it is. */
export type StandingMessage = z.infer<typeof standingSchema>;

/** Names a part of a reply, and where it is looked for. */
export type SoughtPart = Pick<ReplyPart, "turnId" | "part" | "channelId" | "threadId" | "inReplyTo">;

const PAGES_MAX = 5;
const PAGE_MESSAGES = 200;

const standingSchema = z.object({
  ts: z.string(),
  user: z.string().optional(),
  bot_id: z.string().nullish(),
  streaming_state: z.string().optional(),
  metadata: z
    .object({ event_type: z.string().optional(), event_payload: z.record(z.string(), z.unknown()).optional() })
    .optional(),
});

/** What was written since the question, newest first. */
export async function findReplies(
  part: SoughtPart,
  workspace: SlackWorkspace,
  urgency: CallKind["urgency"],
): Promise<readonly StandingMessage[]> {
  const { channelId: channel, threadId } = part;
  const method = threadId === undefined ? "conversations.history" : "conversations.replies";
  // What can be skipped must not hold anybody up.
  const kind = { method, what: "look up a reply", urgency, isRepeatable: urgency === "must" } as const;
  const found: StandingMessage[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const options = {
      channel,
      oldest: part.inReplyTo,
      limit: PAGE_MESSAGES,
      include_all_metadata: true,
      ...(cursor === undefined ? {} : { cursor }),
    };
    const answer = await workspace.calls.run(kind, (client) =>
      threadId === undefined
        ? client.conversations.history(options)
        : client.conversations.replies({ ...options, ts: threadId }),
    );
    found.push(...z.array(standingSchema).parse(answer.messages ?? []));
    cursor = answer.response_metadata?.next_cursor || undefined;
    if (cursor === undefined) break;
  }
  return found.sort((one, other) => Number(other.ts) - Number(one.ts));
}

export function isMarkedAs(
  { metadata }: StandingMessage,
  { turnId, part }: Pick<SoughtPart, "turnId" | "part">,
): boolean {
  const payload = metadata?.event_payload;
  return metadata?.event_type === REPLY_EVENT && payload?.["turn_id"] === turnId && Number(payload["part"]) === part;
}

/** A stream carries its metadata only from its end on; one of ours without any was begun and not ended. */
export function isUnmarkedStream(message: StandingMessage, { botUserId, botId }: SlackWorkspace): boolean {
  const isOurs = message.user === botUserId || (botId !== undefined && message.bot_id === botId);
  return isOurs && message.streaming_state !== undefined && message.metadata?.event_type === undefined;
}
