import type { PlaceSettings, SettingRules, SettingsPlace } from "#bots/place-settings.ts";
import {
  checkRuntimeSetting,
  describeRuntimeSetting,
  readRuntimeSetting,
  runtimeSettings,
} from "#config/runtime-settings.ts";
import type { Config } from "#config/schema.ts";
import type { Score } from "#core/feedback.ts";

/** What admins may change while the program runs, checked by the configuration's own schema. */
export const settingRules: SettingRules = {
  keys: runtimeSettings.map((setting) => ({ ...setting, expected: describeRuntimeSetting(setting.key) })),
  check: checkRuntimeSetting,
};

/**
 * The settings of one place: `overrides` holds the stored JSON text per key, the channel's already over the workspace's. A stored
 * value that no longer fits the schema counts as not set.
 */
export function placeSettingsOf(
  config: Config,
  { platform }: SettingsPlace,
  overrides: ReadonlyMap<string, string>,
): PlaceSettings {
  const { assistant, chat, conversation, moderation, privacy } = config;
  function chosen<T>(key: string, usual: T): T {
    const stored = overrides.get(key);
    // The schema that the value was read with is the one that gave `usual` its type.
    return ((stored === undefined ? undefined : readRuntimeSetting(key, stored)) as T | undefined) ?? usual;
  }
  const adminChannel = chosen("chat.adminChannel", chat.adminChannel);
  const emoji = chosen<Readonly<Record<string, number>>>("feedback.emoji", {});
  return {
    systemPrompt: chosen("assistant.systemPrompt", assistant.systemPrompt),
    model: chosen("assistant.model", assistant.model),
    replyLanguage: chosen("assistant.replyLanguage", assistant.replyLanguage),
    mention: chosen("chat.mention", chat.mention),
    allowedChannels: chosen("chat.allowedChannels", chat.allowedChannels),
    allowedRoles: chosen("chat.allowedRoles", chat.allowedRoles),
    adminRoles: chosen("chat.adminRoles", chat.adminRoles),
    openThreads: chosen("chat.openThreads", chat.openThreads),
    overlap: chosen("conversation.overlap", conversation.overlap),
    emoji: scoresOf([...config.feedback.emoji, ...Object.entries(emoji)]),
    offerEmoji: chosen("chat.offerEmoji", platform === "local" ? false : config[platform].offerEmoji),
    replyButtons: chosen("chat.replyButtons", chat.replyButtons),
    messageMaxChars: chosen("conversation.messageMaxChars", conversation.messageMaxChars),
    messagesPerMinuteMax: chosen("conversation.messagesPerMinuteMax", conversation.messagesPerMinuteMax),
    channelMessagesPerMinuteMax: chosen(
      "conversation.channelMessagesPerMinuteMax",
      conversation.channelMessagesPerMinuteMax,
    ),
    workspaceMessagesPerMinuteMax: chosen(
      "conversation.workspaceMessagesPerMinuteMax",
      conversation.workspaceMessagesPerMinuteMax,
    ),
    editWindowMs: chosen("conversation.editWindowMs", conversation.editWindowMs),
    blockedWords: chosen("moderation.blockedWords", moderation.blockedWords),
    isPaused: chosen("moderation.isPaused", moderation.isPaused),
    ...(adminChannel === undefined ? {} : { adminChannel }),
    retentionDays: chosen("privacy.retentionDays", privacy.retentionDays),
  };
}

export function scoresOf(emoji: Iterable<readonly [string, number]>): ReadonlyMap<string, Score> {
  const isScore = (value: number): value is Score => value >= 1 && value <= 5;
  return new Map([...emoji].flatMap(([name, score]) => (isScore(score) ? [[name, score] as const] : [])));
}
