import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ChatCommand, CommandFile, CommandReply } from "./chat-command.ts";
import type { CommandParts, Person } from "./command-parts.ts";

/** What is kept about the caller in this workspace, and their word about it. Answers are for the caller alone. */
export function privacyCommand({ privacy, now }: Pick<CommandParts, "privacy" | "now">): ChatCommand {
  return {
    name: "privacy",
    description: "See, take along or erase what I keep about you; choose whether it teaches me",
    access: "everyone",
    options: [
      {
        name: "action",
        description: "What to do; shows what is kept when left out",
        kind: "choice",
        isRequired: false,
        choices: [
          { name: "see what is kept", value: "see" },
          { name: "let it teach", value: "opt-in" },
          { name: "do not let it teach", value: "opt-out" },
          { name: "export as a file", value: "export" },
          { name: "forget me", value: "forget" },
        ],
      },
      {
        name: "confirm",
        description: "To forget: yes",
        kind: "choice",
        isRequired: false,
        choices: [{ name: "yes", value: "yes" }],
      },
    ],
    async run({ options, workspaceId, userId }): Promise<CommandReply> {
      const person: Person = { workspaceId, userId };
      switch (options.get("action")) {
        case "opt-in":
          return { text: await privacy.choose(person, true) };
        case "opt-out":
          return { text: await privacy.choose(person, false) };
        case "export":
          return {
            text: "All that I keep about you here.",
            file: await fileOf(await privacy.exportData(person), now()),
          };
        case "forget":
          return options.get("confirm") === "yes" ? { text: await privacy.forget(person) } : ASK_TO_CONFIRM;
        default:
          return { text: await privacy.describe(person) };
      }
    },
  };
}

const ASK_TO_CONFIRM: CommandReply = {
  text: [
    "This erases what you asked here, my answers to it, and your scores, comments and taught answers. Adapters that learned from",
    "it go out of service. It cannot be undone; `/privacy export` gives you a copy first.\nTo go on: `/privacy forget yes`",
  ].join(" "),
  confirm: { label: "Erase it all", options: new Map([["confirm", "yes"]]) },
};

/** Discord takes 10 MiB from a bot. */
const PLAIN_BYTES_MAX = 8 * 1024 * 1024;

/** Packed where a platform would refuse it: what people wrote shrinks to a fraction. */
async function fileOf(json: string, nowMs: number): Promise<CommandFile> {
  const name = `reactune-my-data-${new Date(nowMs).toISOString().slice(0, 10)}.json`;
  const contents = new TextEncoder().encode(json);
  if (contents.length <= PLAIN_BYTES_MAX) return { name, mediaType: "application/json", contents };
  return { name: `${name}.gz`, mediaType: "application/gzip", contents: await promisify(gzip)(contents) };
}
