import { z } from "zod";
import { credentialsSchema, serversSchema } from "./secrets.ts";

const count = (min: number, max: number) => z.int().min(min).max(max);
const number = (min: number, max: number) => z.number().min(min).max(max);
const ratio = number(0, 1);
const durationMs = (min: number, max: number) => count(min, max);
const threads = z.union([z.literal("auto"), count(1, 256)]);
const text = (charactersMax: number) => z.string().trim().min(1).max(charactersMax);

/** A YAML list, or one text with commas, which is how variables and commands give it. */
const list = (itemsMax: number, charactersMax: number) =>
  z
    .union([
      z.array(text(charactersMax)),
      z
        .string()
        .max(itemsMax * (charactersMax + 1))
        .transform(splitList),
    ])
    .pipe(z.array(text(charactersMax)).max(itemsMax));

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const GIBIBYTE = 2 ** 30;

/**
 * Every setting. Strict: an unknown key is an error, so a misspelt setting is never ignored in silence.
 * Defaults, units and meanings stand in config/default.yaml, which must hold every key that is not optional.
 */
export const configSchema = z.strictObject({
  data: z.strictObject({ directory: text(4096) }),
  log: z.strictObject({
    level: z.enum(["trace", "debug", "info", "warn", "error", "silent"]),
    format: z.enum(["auto", "json", "pretty"]),
  }),
  web: z.strictObject({
    enabled: z.boolean(),
    host: text(253),
    port: count(0, 65_535),
  }),
  operations: z.strictObject({
    host: text(253),
    port: count(0, 65_535).optional(),
    tracesUrl: z
      .string()
      .max(4096)
      .regex(/^https?:\/\/[^\s]+$/)
      .optional(),
  }),
  assistant: z.strictObject({
    name: text(80),
    systemPrompt: text(8000),
    domainsFile: text(4096),
    model: z.enum(["learned", "base"]),
    replyLanguage: z.union([z.literal("auto"), z.string().regex(/^[a-z]{2}$/)]),
  }),
  inference: z.strictObject({
    engine: z.enum(["auto", "llama", "ollama", "openai"]),
    hosts: list(100, 4096),
    ollamaProgram: text(4096).optional(),
    ollamaGpuFreeBytes: count(0, 1024 * GIBIBYTE).optional(),
    preset: z.enum(["vllm", "llama-server", "openai", "groq", "together", "custom"]),
    hostModel: text(4096).optional(),
    hostModelSeesImages: z.boolean(),
    adapterDirectory: text(4096).optional(),
    embeddingModel: text(4096).optional(),
    embeddingHost: text(4096).optional(),
    region: text(64).optional(),
    adapters: z.enum(["models", "shared"]),
    gpuLayers: count(0, 1000).optional(),
    keepAliveMs: z
      .int()
      .min(-1)
      .max(7 * DAY_MS),
    firstTokenMaxMs: durationMs(1000, 60 * MINUTE_MS),
    nextTokenMaxMs: durationMs(1000, 60 * MINUTE_MS),
    hostRetryMs: durationMs(100, 60 * MINUTE_MS),
    model: text(4096),
    threads,
    contextTokens: count(256, 131_072),
    parallelStreams: count(1, 64),
    queueMax: count(1, 10_000),
    queueWaitMaxMs: durationMs(1000, 60 * MINUTE_MS),
    memoryMaxBytes: count(GIBIBYTE / 4, 1024 * GIBIBYTE).optional(),
    replyTokensMax: count(16, 32_768),
    temperature: number(0, 2),
    topP: number(0.01, 1),
    topK: count(1, 1000),
    repeatPenalty: number(1, 2),
    replyTimeoutMs: durationMs(1000, 60 * MINUTE_MS),
    adaptersLoadedMax: count(1, 1000),
    seed: count(0, 2 ** 32 - 1).optional(),
  }),
  conversation: z.strictObject({
    gapMs: durationMs(MINUTE_MS, 30 * DAY_MS),
    messageMaxChars: count(100, 100_000),
    messagesPerMinuteMax: count(1, 1000),
    channelMessagesPerMinuteMax: count(1, 100_000),
    workspaceMessagesPerMinuteMax: count(1, 1_000_000),
    overlap: z.enum(["queue", "join", "replace"]),
    editWindowMs: durationMs(0, 30 * DAY_MS),
    attachmentMaxBytes: count(0, 16 * 1024 * 1024),
  }),
  chat: z.strictObject({
    mention: z.enum(["required", "not-required"]),
    allowedChannels: list(1000, 64),
    allowedRoles: list(1000, 64),
    adminRoles: list(1000, 64),
    adminChannel: text(64).optional(),
    openThreads: z.boolean(),
    replyButtons: z.boolean(),
    firstContactNotice: z.boolean(),
  }),
  discord: z.strictObject({
    offerEmoji: z.boolean(),
    shards: z.union([z.literal("auto"), count(1, 10_000)]).optional(),
    apiUrl: z
      .string()
      .max(4096)
      .regex(/^https?:\/\/[^\s]+$/)
      .optional(),
  }),
  slack: z.strictObject({
    offerEmoji: z.boolean(),
    mode: z.enum(["auto", "socket", "http"]),
    host: text(253),
    port: count(0, 65_535),
    streaming: z.enum(["auto", "edits"]),
    apiUrl: z
      .string()
      .max(4096)
      .regex(/^https?:\/\/[^\s]+$/)
      .optional(),
  }),
  moderation: z.strictObject({
    blockedWords: list(5000, 200),
    isPaused: z.boolean(),
    url: z
      .string()
      .max(4096)
      .regex(/^https?:\/\/[^\s]+$/)
      .optional(),
    model: text(200),
  }),
  retrieval: z.strictObject({ enabled: z.boolean(), examplesMax: count(1, 20), similarityMin: ratio }),
  privacy: z.strictObject({ retentionDays: count(0, 3650) }),
  routing: z.strictObject({ similarityMin: ratio, marginMin: ratio }),
  cache: z.strictObject({
    enabled: z.boolean(),
    ttlSeconds: count(1, 365 * 86_400),
    nearEnabled: z.boolean(),
    nearSimilarityMin: ratio.optional(),
    entriesPerScopeMax: count(1, 100_000),
    textMaxChars: count(10, 100_000),
  }),
  feedback: z.strictObject({ emoji: z.record(text(64), count(1, 5)) }),
  readiness: z.strictObject({
    conversationsMin: count(1, 1_000_000),
    messagesMin: count(1, 1_000_000),
    feedbackMin: count(1, 1_000_000),
    scoreMeanMin: number(1, 5),
    examplesMin: count(1, 1_000_000),
    ratersMin: count(1, 10_000),
    newExamplesMin: count(0, 1_000_000),
  }),
  dataset: z.strictObject({
    days: count(1, 365),
    examplesPerUserMax: count(1, 1_000_000),
    validRatio: number(0.01, 0.5),
    replyMaxChars: count(10, 100_000),
    questionMaxChars: count(10, 100_000),
    nearDuplicateSimilarity: number(0.5, 1),
    servedAgainWeight: ratio,
    seed: count(0, 2 ** 32 - 1),
  }),
  trainer: z.strictObject({
    enabled: z.boolean(),
    intervalDays: count(1, 365),
    rank: count(1, 256),
    alpha: number(1, 1024),
    epochs: count(1, 100),
    learningRate: number(1e-7, 0.1),
    batchExamples: count(1, 64),
    accumulation: count(1, 256),
    contextTokens: count(64, 32_768),
    stepsMin: count(1, 100_000),
    checkpointEverySteps: count(1, 10_000),
    parallelRuns: count(1, 16),
    threads,
    niceness: count(0, 19),
    silenceMaxMs: durationMs(1000, DAY_MS),
    runMaxMs: durationMs(MINUTE_MS, 30 * DAY_MS),
    quietHours: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/)
      .optional(),
    timeZone: z.string().refine(isTimeZone),
    schedule: z.string().regex(/^(\S+\s+){4,5}\S+$/),
    promotion: z.enum(["auto", "ask"]),
    python: text(4096).optional(),
    backend: z.enum(["auto", "mlx", "torch"]),
    baseBits: z.union([z.literal("auto"), z.literal([4, 16, 32])]),
  }),
  evaluation: z.strictObject({
    gradeMin: z.enum(["A", "B", "C", "D", "F"]),
    gapMax: number(0, 100),
    generalLossWorseMaxRatio: number(0, 10),
    repliesMax: count(1, 10_000),
    parityMinRatio: ratio,
    generalPromptsFile: text(4096),
  }),
  credentials: credentialsSchema,
  servers: serversSchema,
  redis: z.strictObject({
    prefix: z.string().regex(/^[\w-]{1,64}$/),
    authorityFile: text(4096).optional(),
  }),
});

/** The whole configuration, checked. Parts get slices of it: `Config["trainer"]`. */
export type Config = DeepReadonly<Omit<z.infer<typeof configSchema>, "feedback">> & {
  /** Emoji, or its platform name without colons, to the score 1 to 5 that it stands for. */
  readonly feedback: { readonly emoji: ReadonlyMap<string, number> };
};

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** Expected forms that a number range or a list of words does not tell; key is the setting. */
export const expectedForms: ReadonlyMap<string, string> = new Map([
  ["assistant.replyLanguage", "auto or a language code of two letters such as pt"],
  ["trainer.quietHours", 'a span such as "22:00-07:00"'],
  ["trainer.timeZone", "an IANA time zone such as Europe/Lisbon or UTC"],
  ["trainer.schedule", 'a cron expression of five or six fields such as "0 * * * *"'],
  ["chat.allowedChannels", "a list of channel ids, or ids joined by commas"],
  ["chat.allowedRoles", "a list of ids of roles or user groups, or ids joined by commas"],
  ["chat.adminRoles", "a list of ids of roles or user groups, or ids joined by commas"],
  ["moderation.blockedWords", "a list of words, or words joined by commas"],
  ["discord.apiUrl", "an address such as http://127.0.0.1:9000/api"],
  ["slack.apiUrl", "an address such as http://127.0.0.1:9000/api/"],
  ["operations.tracesUrl", "an address such as http://127.0.0.1:4318"],
  ["inference.hosts", "a list of addresses such as http://gpu1:8000/v1, or addresses joined by commas"],
  ["inference.embeddingHost", "an address such as http://127.0.0.1:8001/v1, or openai or together"],
  ["credentials.inferenceKey", "the key of the servers in inference.hosts"],
  ["credentials.openaiKey", "a key of OpenAI"],
  ["credentials.groqKey", "a key of Groq"],
  ["credentials.togetherKey", "a key of Together"],
  ["moderation.url", "an address such as https://moderation.example/v1"],
  ["credentials.slackClientId", "a Slack client id (two numbers joined by a dot)"],
  ["credentials.slackClientSecret", "a Slack client secret (at least 16 characters)"],
  ["credentials.encryptionKey", "a key of 64 hexadecimal digits"],
  ["credentials.moderationKey", "the key of the moderation server"],
  ["credentials.discordToken", "a Discord bot token (three parts joined by dots)"],
  ["credentials.slackBotToken", "a Slack bot token (it starts with xoxb-)"],
  ["credentials.slackAppToken", "a Slack app-level token (it starts with xapp-)"],
  ["credentials.slackSigningSecret", "a Slack signing secret (at least 16 hexadecimal digits)"],
  ["servers.ollamaUrl", "an address such as http://127.0.0.1:11434"],
  ["servers.mongodbUri", "an address such as mongodb://127.0.0.1:27017/reactune"],
  ["redis.prefix", "a name of up to 64 letters, digits, - and _"],
  ["servers.redisUrl", "an address such as redis://127.0.0.1:6379"],
]);

function splitList(value: string): string[] {
  return value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
