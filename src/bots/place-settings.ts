import type { Score } from "#core/feedback.ts";
import type { Platform, Visibility } from "#core/scope.ts";

/**
 * What holds in one place right now: a channel's setting over its workspace's, that over the configuration (which is flags over
 * environment over files over defaults). Compose fills it from the configuration's schema.
 */
export interface PlaceSettings {
  readonly systemPrompt: string;
  /** What answers: the adapter in service, or always the base model. */
  readonly model: "learned" | "base";
  /** "auto" or a language code. */
  readonly replyLanguage: string;
  /** Which messages of a channel the bot answers; a direct message it always does. */
  readonly mention: "required" | "not-required";
  /** Empty: every channel. */
  readonly allowedChannels: readonly string[];
  /** Empty: everybody. */
  readonly allowedRoles: readonly string[];
  /** Members of these are admins, beside the platform's own. */
  readonly adminRoles: readonly string[];
  /** Answers in a channel go into a thread of their own. */
  readonly openThreads: boolean;
  /** A message that arrives while a reply is being written: waits its turn, joins those that wait, or replaces what is written. */
  readonly overlap: "queue" | "join" | "replace";
  readonly emoji: ReadonlyMap<string, Score>;
  readonly offerEmoji: boolean;
  readonly replyButtons: boolean;
  readonly messageMaxChars: number;
  readonly messagesPerMinuteMax: number;
  readonly channelMessagesPerMinuteMax: number;
  readonly workspaceMessagesPerMinuteMax: number;
  /** An edited question is answered anew when it is not older than this. */
  readonly editWindowMs: number;
  readonly blockedWords: readonly string[];
  /** The bot answers nothing but commands. */
  readonly isPaused: boolean;
  /** Where reports and news for admins go; undefined: the platform's usual place. */
  readonly adminChannel?: string;
  /** Age at which what was said is erased; 0: never. */
  readonly retentionDays: number;
}

export interface SettingsPlace {
  readonly platform: Platform;
  readonly workspaceId: string;
  readonly channelId?: string;
  readonly visibility?: Visibility;
}

/** Port: the settings of every place, live. Reading costs no I/O. */
export interface SettingsWatch {
  of(place: SettingsPlace): PlaceSettings;
  /** Looks at the store now, instead of within half a second. */
  refresh(): Promise<void>;
  stop(): void;
}

/** The settings that can be changed while the program runs; the configuration's own schema behind it. */
export interface SettingRules {
  /** In the order in which they are shown. */
  readonly keys: readonly SettingRule[];
  /** The value as JSON text, or what is wrong with it in words that end in what is accepted. */
  check(key: string, text: string): { readonly value: string } | { readonly problem: string };
}

export interface SettingRule {
  readonly key: string;
  readonly description: string;
  /** "true or false", "a whole number from 1 to 1000". */
  readonly expected: string;
  /** Can differ from channel to channel. */
  readonly perChannel: boolean;
}
