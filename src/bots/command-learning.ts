import type { LearningLevel } from "#core/people.ts";
import type { ChatCommand, CommandCall, CommandReply } from "./chat-command.ts";
import type { CommandParts } from "./command-parts.ts";
import { describePerson } from "./command-text.ts";

/** Allowing needs the wording to be read first: what is confirmed names the version that was shown. Taking back needs nothing. */
export function learningCommand(parts: CommandParts): ChatCommand {
  return {
    name: "learning",
    description: "Whether what people write and like here may teach me",
    access: "admin",
    options: [
      {
        name: "action",
        description: "Shows what is allowed when left out",
        kind: "choice",
        isRequired: false,
        choices: [
          { name: "show", value: "show" },
          { name: "allow", value: "allow" },
          { name: "off", value: "off" },
        ],
      },
      {
        name: "level",
        description: "What to allow",
        kind: "choice",
        isRequired: false,
        choices: [
          { name: "examples: liked answers are shown to the model", value: "examples" },
          { name: "adapters: they also train it", value: "adapters" },
        ],
      },
      { name: "confirm", description: "The wording that you read and confirm", kind: "text", isRequired: false },
    ],
    async run(call) {
      const action = call.options.get("action") ?? (call.options.has("level") ? "allow" : "show");
      if (action === "off") return change(parts, call, "off");
      if (action === "show") return show(parts, call);
      const level = call.options.get("level");
      if (level !== "examples" && level !== "adapters") {
        return { text: "What may be learned from? Use `/learning allow examples` or `/learning allow adapters`" };
      }
      const confirmation = confirmationOf(parts);
      return call.options.get("confirm") === confirmation
        ? change(parts, call, level)
        : askToConfirm(parts, level, confirmation);
    },
  };
}

function confirmationOf({ permission }: CommandParts): string {
  return `wording-${permission.wording.version}`;
}

function askToConfirm({ permission }: CommandParts, level: LearningLevel, confirmation: string): CommandReply {
  return {
    text: `${permission.wording.text}\n\nTo allow \`${level}\`: \`/learning allow ${level} ${confirmation}\``,
    confirm: { label: `I confirm: allow ${level}`, options: new Map([["confirm", confirmation]]) },
  };
}

async function change(
  { permission, now }: CommandParts,
  call: CommandCall,
  level: LearningLevel,
): Promise<CommandReply> {
  const { workspaceId, userId } = call;
  return { text: (await permission.allow({ workspaceId, level, by: userId, nowMs: now() })).text };
}

async function show({ permission }: CommandParts, { platform, workspaceId }: CommandCall): Promise<CommandReply> {
  const { level, permission: given } = await permission.read(workspaceId);
  const by =
    given === undefined
      ? "nobody said anything yet"
      : `set by ${describePerson(platform, given.grantedBy)} on ${new Date(given.changedAtMs).toISOString().slice(0, 10)}, wording ${given.wordingVersion}`;
  return {
    text: `Learning is \`${level}\` (${by}).\n\`/learning allow examples\`, \`/learning allow adapters\` and \`/learning off\` change it.`,
  };
}
