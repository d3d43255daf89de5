import { z } from "zod";
import { configSchema } from "./schema.ts";
import { describeExpected, schemaOf } from "./settings.ts";

/** Settings that admins may change per workspace or channel while the program runs, with what they mean to people. */
export const runtimeSettings: readonly RuntimeSetting[] = [
  { key: "assistant.systemPrompt", perChannel: true, description: "Who the assistant is and how it answers" },
  {
    key: "assistant.model",
    perChannel: true,
    description: "What answers: learned (the adapter in service) or base (the model as it came)",
  },
  {
    key: "assistant.replyLanguage",
    perChannel: true,
    description: "Language of the replies: auto or a code such as pt",
  },
  { key: "chat.mention", perChannel: true, description: "Whether the bot must be mentioned in channels" },
  { key: "chat.openThreads", perChannel: true, description: "Answer in a thread of its own" },
  { key: "chat.replyButtons", perChannel: true, description: "Buttons under replies" },
  { key: "chat.allowedChannels", perChannel: false, description: "Channels it answers in; empty: all" },
  { key: "chat.allowedRoles", perChannel: true, description: "Roles or user groups it answers to; empty: everybody" },
  { key: "chat.adminRoles", perChannel: false, description: "Roles or user groups that may use the admin commands" },
  { key: "chat.adminChannel", perChannel: false, description: "Channel for reports and news to admins" },
  { key: "chat.offerEmoji", perChannel: true, description: "Put the five feedback emoji under every reply" },
  {
    key: "conversation.overlap",
    perChannel: true,
    description: "What a message does that arrives while a reply is written",
  },
  { key: "conversation.messageMaxChars", perChannel: true, description: "Longest message accepted, in characters" },
  {
    key: "conversation.messagesPerMinuteMax",
    perChannel: true,
    description: "Messages accepted from one person in a minute",
  },
  {
    key: "conversation.channelMessagesPerMinuteMax",
    perChannel: true,
    description: "Messages accepted in one channel in a minute",
  },
  {
    key: "conversation.workspaceMessagesPerMinuteMax",
    perChannel: false,
    description: "Messages accepted in the workspace in a minute",
  },
  {
    key: "conversation.editWindowMs",
    perChannel: true,
    description: "Age up to which an edited question is answered anew, in ms",
  },
  { key: "feedback.emoji", perChannel: false, description: 'What reactions count for: "🎉=5, :shrug:=3"' },
  { key: "moderation.blockedWords", perChannel: true, description: "Words that never stand in a reply" },
  { key: "moderation.isPaused", perChannel: true, description: "Answer nothing but commands" },
  {
    key: "privacy.retentionDays",
    perChannel: false,
    description: "Age at which what was said is erased, in days; 0: never",
  },
];

export interface RuntimeSetting {
  readonly key: string;
  readonly perChannel: boolean;
  readonly description: string;
}

/** The value as JSON text, or what is wrong with it in words that end in what is accepted. */
export function checkRuntimeSetting(
  key: string,
  text: string,
): { readonly value: string } | { readonly problem: string } {
  const schema = runtimeSchemaOf(key);
  if (schema === undefined) return { problem: "it cannot be changed while the program runs" };
  for (const candidate of candidatesOf(key, text.trim())) {
    const parsed = z.safeParse(schema, candidate);
    if (parsed.success) return { value: JSON.stringify(parsed.data) };
  }
  return { problem: `"${text}" is not ${describeRuntimeSetting(key)}` };
}

/** "true or false", "a whole number from 1 to 1000". */
export function describeRuntimeSetting(key: string): string {
  if (key === "feedback.emoji") return 'pairs of an emoji and a score from 1 to 5, such as "🎉=5, :shrug:=3"';
  return key === "chat.offerEmoji" ? "true or false" : describeExpected(key);
}

/** The stored JSON text as a value; undefined when it no longer fits, for example after an update. */
export function readRuntimeSetting(key: string, value: string): unknown {
  const schema = runtimeSchemaOf(key);
  if (schema === undefined) return undefined;
  try {
    const parsed = z.safeParse(schema, JSON.parse(value));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function runtimeSchemaOf(key: string): z.core.$ZodType | undefined {
  if (!runtimeSettings.some((setting) => setting.key === key)) return undefined;
  // One switch for whichever platform the place is on; the configuration has one for each.
  if (key === "chat.offerEmoji") return configSchema.shape.discord.shape.offerEmoji;
  return schemaOf(key);
}

/** What a person types, read as the several things that it may mean. */
function candidatesOf(key: string, text: string): readonly unknown[] {
  const word = text.toLowerCase();
  const number = text === "" ? undefined : Number(text);
  const truth = ["true", "yes", "on"].includes(word) ? true : ["false", "no", "off"].includes(word) ? false : undefined;
  const emoji = key === "feedback.emoji" ? Object.fromEntries(readPairs(text)) : undefined;
  return [text, word, number, truth, emoji].filter((candidate) => candidate !== undefined);
}

function readPairs(text: string): readonly (readonly [string, number])[] {
  return text
    .split(",")
    .map((pair) => pair.split("="))
    .map(([emoji = "", score = ""]) => [nameOfEmoji(emoji.trim()), Number(score)] as const);
}

/** `:shrug:` as Slack writes it, `<:party:123>` as Discord does. */
function nameOfEmoji(text: string): string {
  return text.replace(/^<a?:(\w+:\d+)>$/u, "$1").replace(/^:(.+):$/u, "$1");
}
