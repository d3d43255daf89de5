import type { ChatCommand } from "#bots/chat-command.ts";

/** Every command is also there as `/reactune <name>`. */
export const OWN_COMMAND = "reactune";

/** Slack's own commands (and those that its clients keep): an app that names one of them is refused with its whole manifest. */
const BUILT_IN = new Set(
  (
    "active apps archive away call canvas close collapse dm dnd expand feed feedback giphy help huddle invite join keys " +
    "kick leave me msg mute open part poll prefs pro remind remove rename search shortcuts shrug star status topic who"
  ).split(" "),
);

/** Without the slash; undefined: only as `/reactune <name>`. */
export function slashNameOf({ name }: Pick<ChatCommand, "name">): string | undefined {
  return BUILT_IN.has(name) ? undefined : name;
}

/** A text that tells of our commands, with the names under which Slack hands them to us: its own would be called instead. */
export function withSlashNames(markdown: string): string {
  // `/invite` is Slack's own where we tell of it.
  return markdown.replace(/`\/(help|status)(?=[ `])/g, `\`/${OWN_COMMAND} $1`);
}

export function isOnSlack({ platforms }: Pick<ChatCommand, "platforms">): boolean {
  return platforms === undefined || platforms.includes("slack");
}

const CALLBACK = "reactune_message_";

/** Names the entry of a message's menu. */
export function callbackIdOf({ name }: Pick<ChatCommand, "name">): string {
  return `${CALLBACK}${name}`;
}

export const CALLBACK_IDS = new RegExp(`^${CALLBACK}[a-z0-9-]+$`);

export function nameOfCallback(callbackId: string): string {
  return callbackId.slice(CALLBACK.length);
}
