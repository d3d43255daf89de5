import type { Platform, Visibility } from "#core/scope.ts";

/**
 * One command for every platform: Discord shows it as a slash command with typed options, Slack and the terminal read the options
 * from the text behind it. Message commands act on the message they were called on.
 */
export interface ChatCommand {
  /** Lower case, one word: "rollback". */
  readonly name: string;
  /** At most 100 characters. */
  readonly description: string;
  readonly access: CommandAccess;
  readonly options: readonly CommandOption[];
  /** Also offered in the menu of a message, under this label (at most 32 characters). */
  readonly messageLabel?: string;
  /** Where it can be called; everywhere when not given. */
  readonly platforms?: readonly Platform[];
  readonly run: (call: CommandCall) => Promise<CommandReply>;
  readonly complete?: (call: CommandCall, option: string, typed: string) => Promise<readonly CommandChoice[]>;
}

export type CommandAccess = "everyone" | "admin";

export interface CommandOption {
  /** Lower case, one word. */
  readonly name: string;
  readonly description: string;
  readonly kind: "text" | "number" | "choice" | "channel";
  readonly isRequired: boolean;
  /** Of a `choice`. */
  readonly choices?: readonly CommandChoice[];
  /** Of a `number`. */
  readonly min?: number;
  readonly max?: number;
  /** The platform asks `complete` while somebody types. */
  readonly isCompleted?: boolean;
  /** The last option of kind `text` takes the rest of the line. */
  readonly takesRest?: boolean;
}

export interface CommandChoice {
  readonly name: string;
  readonly value: string;
}

export interface CommandCall {
  readonly command: string;
  readonly platform: Platform;
  /** Unique per call: the same call delivered twice runs once. */
  readonly callId: string;
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  readonly visibility: Visibility;
  readonly userId: string;
  readonly roles: readonly string[];
  /** By the platform: may manage the server, administers the workspace. */
  readonly isAdmin: boolean;
  /** By option name. From a form, by field name. */
  readonly options: ReadonlyMap<string, string>;
  /** The message it was called on. */
  readonly messageId?: string;
  /** True when `options` come from the form that this command asked for. */
  readonly isForm?: boolean;
  readonly atMs: number;
}

export interface CommandReply {
  /** Markdown. */
  readonly text: string;
  /** Everyone in the place sees it; only the caller does when not given. */
  readonly isPublic?: boolean;
  readonly image?: CommandImage;
  /** A file for the caller, such as an export. */
  readonly file?: CommandFile;
  /** Asks for more: the answers come back as a call of the same command with `isForm`. `text` is for platforms without forms. */
  readonly form?: CommandForm;
  /** The text asks the caller to confirm: pressing calls the same command again with these options added. */
  readonly confirm?: { readonly label: string; readonly options: ReadonlyMap<string, string> };
  /**
   * `/ask`: the connector posts `text` publicly and hands it in as the caller's message with this question, so that the answer
   * is an ordinary reply to it.
   */
  readonly ask?: { readonly question: string };
  /** The call was taken before, here or in another process, which answers it: a platform that delivers twice shows nothing more. */
  readonly isRepeat?: true;
}

export interface CommandImage {
  readonly png: Uint8Array;
  /** For who cannot see it. */
  readonly alt: string;
  readonly name: string;
}

export interface CommandFile {
  readonly name: string;
  readonly mediaType: string;
  readonly contents: Uint8Array;
}

export interface CommandForm {
  readonly title: string;
  readonly fields: readonly CommandField[];
}

export interface CommandField {
  readonly name: string;
  readonly label: string;
  readonly isLong: boolean;
  readonly isRequired: boolean;
  readonly value?: string;
  readonly charsMax: number;
}
