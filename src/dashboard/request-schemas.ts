import { z } from "zod";

const id = z.string().min(1).max(200);
/** Comments and corrections; a question's limit is a setting. */
const TEXT_CHARS_MAX = 20_000;
/** Blank takes the field back, as null does. */
const takenBackWhenBlank = z
  .string()
  .max(TEXT_CHARS_MAX)
  .nullable()
  .transform((text) => (text === null || text.trim() === "" ? null : text));

export const askRequest = z.strictObject({
  text: z.string().default(""),
  conversationId: id.optional(),
  /** Continues a thread whose first turn is not stored yet. */
  threadId: id.optional(),
  clientMessageId: z.string().regex(/^[\w-]{8,64}$/),
  regenerationOf: id.optional(),
});

const place = { conversationId: id.optional(), threadId: id.optional() };

export const completionRequest = z.strictObject({ line: z.string().max(TEXT_CHARS_MAX), ...place });

/** `options` stand instead of what the line says behind the command: from a form, or confirmed. */
export const commandRequest = z.strictObject({
  line: z.string().max(TEXT_CHARS_MAX),
  callId: z.string().regex(/^[\w-]{8,64}$/),
  options: z.record(z.string().max(64), z.string().max(TEXT_CHARS_MAX)).optional(),
  isForm: z.boolean().optional(),
  ...place,
});

export const newConversationRequest = z.strictObject({ conversationId: id.optional() });

export const feedbackRequest = z
  .strictObject({
    score: z
      .union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(5)])
      .nullable()
      .optional(),
    comment: takenBackWhenBlank.optional(),
    correction: takenBackWhenBlank.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, "name score, comment or correction");

export const trainingRequest = z.strictObject({ domain: id });

/** What each value must look like is the set-up's business. */
const credential = z.string().max(4096).optional();

export const setupRequest = z.strictObject({
  values: z.strictObject({
    DISCORD_TOKEN: credential,
    SLACK_BOT_TOKEN: credential,
    SLACK_APP_TOKEN: credential,
    SLACK_SIGNING_SECRET: credential,
    SLACK_CLIENT_ID: credential,
    SLACK_CLIENT_SECRET: credential,
  }),
});

export const emptyRequest = z.strictObject({});

export const conversationsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  beforeMs: z.coerce.number().int().positive().optional(),
});

export const runsQuery = z.object({ limit: z.coerce.number().int().min(1).max(200).default(30) });

export const runQuery = z.object({ after: z.coerce.number().int().min(0).default(0) });
