import { z } from "zod";
import type { Attachment, IncomingMessage } from "#core/inbox.ts";
import type { Visibility } from "#core/scope.ts";

const fileSchema = z.object({
  id: z.string(),
  name: z.string().nullish(),
  mimetype: z.string().nullish(),
  size: z.number().nullish(),
  url_private: z.string().optional(),
});

/** A message as events and the history hold it, as far as it is used. */
export const slackMessageSchema = z.object({
  subtype: z.string().optional(),
  user: z.string().optional(),
  bot_id: z.string().nullish(),
  text: z
    .string()
    .nullish()
    .transform((text) => text ?? ""),
  ts: z.string(),
  thread_ts: z.string().optional(),
  parent_user_id: z.string().optional(),
  files: z.array(fileSchema).optional(),
  edited: z.object({ ts: z.string() }).optional(),
});

export type SlackMessage = z.infer<typeof slackMessageSchema>;

/** Messages that people write have one of these subtypes, or none. */
const WRITTEN = new Set([undefined, "file_share", "thread_broadcast", "me_message"]);

export function isWrittenByPerson(message: SlackMessage, botUserId: string): boolean {
  const { user, subtype } = message;
  if (user === undefined || user === botUserId || user === "USLACKBOT") return false;
  return WRITTEN.has(subtype) && (message.bot_id ?? undefined) === undefined;
}

/** Unique over all platforms; an app mention and the message itself are one, and so is every retry. */
export function eventIdOf(teamId: string, channelId: string, ts: string): string {
  return `slack:${teamId}:${channelId}:${ts}`;
}

/** Slack's "1700000000.123456" in Unix ms. */
export function msOf(ts: string): number {
  return Math.round(Number(ts) * 1000);
}

/** Who can read a channel. One that is shared with another company is nobody's public: its audience is its own. */
export function visibilityOf(channelType: string | undefined, isShared: boolean): Visibility | undefined {
  if (channelType === "im" || channelType === "app_home") return "direct";
  if (channelType === "mpim" || channelType === "group") return "private";
  if (channelType === "channel") return isShared ? "private" : "public";
  return undefined;
}

export interface MessagePlace {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly visibility: Visibility;
  /** A message that begins a thread is answered inside it. */
  readonly opensThread: boolean;
}

/** Undefined: the message stands in the channel itself. */
export function threadOf(message: Pick<SlackMessage, "ts" | "thread_ts">, opensThread: boolean): string | undefined {
  const isReply = message.thread_ts !== undefined && message.thread_ts !== message.ts;
  if (isReply) return message.thread_ts;
  return opensThread ? message.ts : undefined;
}

export function incomingMessage(
  place: MessagePlace,
  message: SlackMessage,
  userId: string,
  text: string,
): IncomingMessage {
  const threadId = threadOf(message, place.opensThread);
  const attachments = attachmentsOf(message);
  return {
    platform: "slack",
    workspaceId: place.workspaceId,
    channelId: place.channelId,
    ...(threadId === undefined ? {} : { threadId }),
    visibility: place.visibility,
    userId,
    messageId: message.ts,
    text,
    sentAtMs: msOf(message.ts),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

/** Files that can be fetched. */
export function attachmentsOf(message: SlackMessage): Attachment[] {
  return (message.files ?? []).flatMap((file) =>
    file.url_private === undefined
      ? []
      : [
          {
            id: file.id,
            name: file.name ?? file.id,
            mediaType: file.mimetype ?? "application/octet-stream",
            bytes: file.size ?? 0,
            url: file.url_private,
          },
        ],
  );
}
