import { z } from "zod";

const address = (pattern: RegExp) => z.string().max(4096).regex(pattern);

/** A header carries it: no white space, no control characters. */
const key = z.string().regex(/^[\x21-\x7e]{1,4096}$/);

/** Never in a file of settings: only from the environment, `.env` or a `..._FILE` variable. */
export const credentialsSchema = z.strictObject({
  discordToken: z
    .string()
    .regex(/^[\w-]{20,}\.[\w-]{5,}\.[\w-]{20,}$/)
    .optional(),
  slackBotToken: z
    .string()
    .regex(/^xoxb-[\w-]{10,}$/)
    .optional(),
  slackAppToken: z
    .string()
    .regex(/^xapp-[\w-]{10,}$/)
    .optional(),
  slackSigningSecret: z
    .string()
    .regex(/^[0-9a-fA-F]{16,}$/)
    .optional(),
  slackClientId: z
    .string()
    .regex(/^\d{5,}\.\d{5,}$/)
    .optional(),
  slackClientSecret: z
    .string()
    .regex(/^[\w-]{16,}$/)
    .optional(),
  encryptionKey: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/)
    .optional(),
  moderationKey: key.optional(),
  inferenceKey: key.optional(),
  openaiKey: key.optional(),
  groqKey: key.optional(),
  togetherKey: key.optional(),
});

export const serversSchema = z.strictObject({
  ollamaUrl: z
    .string()
    .max(4096)
    .transform(completeOllamaUrl)
    .pipe(address(/^https?:\/\/[^/\s]+/))
    .optional(),
  mongodbUri: address(/^mongodb(\+srv)?:\/\/[^/\s]+/).optional(),
  redisUrl: address(/^rediss?:\/\/[^/\s]+/).optional(),
});

/**
 * OLLAMA_HOST as Ollama's own programs read it: scheme and port may be missing, and 0.0.0.0 (where a server listens)
 * is 127.0.0.1 for a client.
 */
export function completeOllamaUrl(host: string): string {
  const withScheme = /^[a-z]+:\/\//i.test(host) ? host : `http://${host}`;
  if (!URL.canParse(withScheme)) return host;
  const url = new URL(withScheme);
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  const authority = withScheme.replace(/^[^/]*\/\//, "").replace(/\/.*$/, "");
  if (url.protocol === "http:" && !/:\d+$/.test(authority)) url.port = "11434";
  return url.href.replace(/\/$/, "");
}

/** Settings of servers that may stand in a file, but not with a user, a password or a key in them. */
const addressKeys: readonly string[] = [
  "operations.tracesUrl",
  "inference.hosts",
  "inference.embeddingHost",
  "discord.apiUrl",
  "slack.apiUrl",
  "moderation.url",
];

/** An option of an address whose value opens something: `tlsCertificateKeyFilePassword`, `api_key`. */
const SECRET_OPTION =
  /([?&][^=&]*(?:password|passphrase|secret|token|api[-_]?key|authMechanismProperties)[^=&]*=)[^&#,]*/gi;

/** What may be shown of a secret: never a character of it. Undefined when the setting is no secret. */
export function maskSecret(key: string, value: unknown): string | undefined {
  if (typeof value === "string" && key.startsWith("credentials.")) return `set (${value.length} characters)`;
  if (!carriesPassword(key, value)) return undefined;
  return joined(value)
    .replace(/^([a-z+]+:\/\/)?.*@/is, "$1(hidden)@")
    .replace(SECRET_OPTION, "$1(hidden)");
}

/** True for the address of a server, or a list with one, that carries a user or a password, however misspelt the rest is. */
export function carriesPassword(key: string, value: unknown): boolean {
  if (!key.startsWith("servers.") && !addressKeys.includes(key)) return false;
  const text = joined(value);
  return text.includes("@") || text.search(SECRET_OPTION) >= 0;
}

function joined(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : String(value);
}
