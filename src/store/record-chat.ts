import { z } from "zod";
import type { Conversation } from "#core/conversation.ts";
import type { Feedback } from "#core/feedback.ts";
import type { Delivery, InboxEvent } from "#core/inbox.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import { defineRecord } from "./record-codec.ts";

const text = z.string();
const moment = z.int();
const optional = z.exactOptional;
const platform = z.enum(["local", "discord", "slack"]);
const visibility = z.enum(["public", "private", "direct"]);
/** A turn has one domain: `*` would count it twice. */
const domain = text.refine((id) => id !== ALL_DOMAINS, `"${ALL_DOMAINS}" is no domain`);
const arm = { adapterDigest: optional(text), epoch: z.int() };

export const inboxEventRecord = defineRecord<InboxEvent>()({
  kind: "inbox-event",
  version: 1,
  schema: z.object({
    id: text,
    message: z.object({
      platform,
      workspaceId: text,
      channelId: text,
      threadId: optional(text),
      visibility,
      userId: text,
      messageId: text,
      text,
      sentAtMs: moment,
      regenerationOf: optional(text),
      revision: optional(z.int()),
      attachments: optional(z.array(z.object({ id: text, name: text, mediaType: text, bytes: z.number(), url: text }))),
    }),
    state: z.enum(["received", "claimed", "done"]),
    attempts: z.int(),
    receivedAtMs: moment,
    claimedBy: optional(text),
    leaseUntilMs: optional(moment),
  }),
});

export const conversationRecord = defineRecord<Conversation>()({
  kind: "conversation",
  version: 1,
  schema: z.object({
    id: text,
    platform,
    workspaceId: text,
    channelId: text,
    threadId: optional(text),
    visibility,
    audience: text,
    domain: text,
    arms: z.array(z.object({ domain: text, ...arm })),
    openedAtMs: moment,
    lastTurnAtMs: moment,
    closedAtMs: optional(moment),
    turns: z.int(),
    title: text,
  }),
});

export const turnRecord = defineRecord<Turn>()({
  kind: "turn",
  version: 1,
  schema: z.object({
    id: text,
    conversationId: text,
    platform,
    workspaceId: text,
    channelId: text,
    threadId: optional(text),
    visibility,
    audience: text,
    position: z.int(),
    askerId: text,
    revision: z.int(),
    askerNumber: optional(z.int()),
    inputTurnIds: z.array(text),
    regenerationOf: optional(text),
    question: text,
    reply: text,
    status: z.enum(["streaming", "complete", "failed", "cancelled", "superseded", "deleted"]),
    domain: z.object({
      domain,
      by: z.enum(["keywords", "similarity", "conversation", "default"]),
      score: z.number(),
      reason: text,
    }),
    arm: z.object(arm),
    provenance: z.object({
      modelDigest: text,
      modelName: text,
      adapterDigest: optional(text),
      systemPromptHash: text,
      exampleTurnIds: optional(z.array(text)),
      images: optional(z.int()),
      cache: z.object({
        hit: z.enum(["exact", "near", "none"]),
        reason: text,
        sourceTurnId: optional(text),
        similarity: optional(z.number()),
      }),
      promptTokens: z.number(),
      replyTokens: z.number(),
      firstTokenMs: optional(z.number()),
      totalMs: z.number(),
      turnsCut: z.number(),
      endedBy: z.enum(["stop", "length", "cancelled", "cache", "error"]),
    }),
    messages: z.array(z.object({ messageId: text, role: z.enum(["question", "reply"]), part: z.int() })),
    askedAtMs: moment,
    repliedAtMs: optional(moment),
  }),
});

export const feedbackRecord = defineRecord<Feedback>()({
  kind: "feedback",
  version: 1,
  schema: z.object({
    turnId: text,
    userId: text,
    workspaceId: text,
    score: optional(z.literal([1, 2, 3, 4, 5])),
    scoreAtMs: moment,
    source: z.enum(["reaction", "button", "command", "dashboard"]),
    emoji: optional(text),
    comment: optional(text),
    commentAtMs: moment,
    correction: optional(text),
    correctionAtMs: moment,
    endorsedBy: z.array(text),
    heard: optional(
      z.array(
        z.object({
          source: z.enum(["reaction", "button", "command", "dashboard"]),
          atMs: moment,
          score: optional(z.literal([1, 2, 3, 4, 5])),
          emoji: optional(text),
        }),
      ),
    ),
  }),
});

export const deliveryRecord = defineRecord<Delivery>()({
  kind: "delivery",
  version: 1,
  schema: z.object({
    turnId: text,
    part: z.int(),
    state: z.enum(["planned", "posted", "unknown"]),
    messageId: optional(text),
    changedAtMs: moment,
  }),
});
