import { z } from "zod";

const id = z.string().min(1).max(200);
const platform = z.enum(["local", "discord", "slack"]);
const visibility = z.enum(["public", "private", "direct"]);
/** When it happened, ISO 8601 with a time zone. */
const at = z.iso.datetime({ offset: true });
const place = { workspaceId: id, channelId: id, threadId: id.optional() };
const roles = z.array(id).max(1000).default([]);

/**
 * One recorded event of a platform, one JSON line. Each kind is a call of the intake (src/bots/intake.ts); strict, so that a
 * misspelt field is named and not lost.
 */
export const replayEventSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("message"),
    platform,
    at,
    eventId: id,
    ...place,
    visibility,
    userId: id,
    roles,
    messageId: id,
    text: z.string().max(100_000),
    isAddressed: z.boolean().default(true),
  }),
  z.strictObject({ kind: z.literal("edit"), platform, at, ...place, messageId: id, text: z.string().max(100_000) }),
  z.strictObject({ kind: z.literal("deletion"), platform, at, ...place, messageId: id }),
  z.strictObject({
    kind: z.literal("reaction"),
    platform,
    at,
    workspaceId: id,
    channelId: id,
    messageId: id,
    userId: id,
    emoji: z.string().min(1).max(100),
    isRemoval: z.boolean().default(false),
  }),
  // Given by a button; null takes it back.
  z.strictObject({
    kind: z.literal("score"),
    platform,
    at,
    workspaceId: id,
    channelId: id,
    messageId: id,
    userId: id,
    score: z.int().min(1).max(5).nullable(),
  }),
  z.strictObject({
    kind: z.literal("command"),
    platform,
    at,
    callId: id,
    ...place,
    visibility,
    userId: id,
    roles,
    isAdmin: z.boolean().default(false),
    command: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
    options: z.record(z.string().max(64), z.string().max(20_000)).default({}),
    messageId: id.optional(),
    isForm: z.boolean().default(false),
  }),
]);

export type ReplayEvent = z.infer<typeof replayEventSchema>;

/** Events in one request. */
export const REPLAY_BATCH_MAX = 50;

export const replayRequest = z.strictObject({ events: z.array(replayEventSchema).min(1).max(REPLAY_BATCH_MAX) });

export interface ReplayResult {
  /** `dropped`: by the rules of its place the bot does not answer it. */
  readonly outcome: "accepted" | "dropped" | "failed";
  /** Why it failed, or what a command answered. */
  readonly detail?: string;
}
