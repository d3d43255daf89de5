import { titleOf } from "#core/conversation.ts";
import { AdapterNotFoundError } from "#core/errors.ts";
import type { AdapterView } from "#trainer/activate-adapter.ts";
import type { ChatCommand, CommandCall, CommandChoice, CommandReply } from "./chat-command.ts";
import { type CommandParts, scopeOfCall } from "./command-parts.ts";
import { chosenDomain, completeDomain, domainOption } from "./command-training.ts";

export function adaptersCommand(parts: CommandParts): ChatCommand {
  return {
    name: "adapters",
    description: "What was learned here; put one of them into service",
    access: "admin",
    options: [
      {
        name: "action",
        description: "Lists them when left out",
        kind: "choice",
        isRequired: false,
        choices: [
          { name: "list", value: "list" },
          { name: "activate", value: "activate" },
        ],
      },
      {
        name: "adapter",
        description: "Its name or the first characters of its digest",
        kind: "text",
        isRequired: false,
        isCompleted: true,
      },
    ],
    async complete(call, _option, typed) {
      const adapters = (await listOfCall(parts, call)).filter(
        ({ state }) => state === "candidate" || state === "retired",
      );
      return adapters.filter(({ name, digest }) => name.includes(typed) || digest.startsWith(typed)).map(choiceOf);
    },
    async run(call) {
      const adapters = await listOfCall(parts, call);
      if (call.options.get("action") !== "activate") return { text: describeAdapters(adapters) };
      const text = call.options.get("adapter");
      if (text === undefined) return { text: "Which one? Use `/adapters activate <adapter>`; `/adapters` lists them." };
      return activate(parts, call, findByText(adapters, text));
    },
  };
}

export function rollBackCommand(parts: CommandParts): ChatCommand {
  return {
    name: "rollback",
    description: "Put the adapter before the active one (or the base model) back",
    access: "admin",
    options: [
      domainOption("What to roll back", true),
      {
        name: "confirm",
        description: "To do it: yes",
        kind: "text",
        isRequired: false,
        isCompleted: true,
      },
    ],
    complete: async (call, option, typed) =>
      option === "confirm" ? [{ name: YES, value: YES }] : completeDomain(parts)(call, option, typed),
    async run(call) {
      const domain = chosenDomain(parts, call) ?? "";
      const scope = { ...scopeOfCall(call), domain };
      const service = await parts.learning.getService(scope);
      if (service?.active === undefined)
        return { text: `The base model answers ${domain} here: there is nothing to roll back.` };
      const before = await nameOf(parts, service.active);
      const after = await nameOf(parts, service.previous);
      // A button confirms the roll back that it was shown for: pressed after somebody else's, it asks again.
      const confirmation = service.active.slice(0, PREFIX_CHARS_SHOWN);
      const confirm = call.options.get("confirm");
      if (confirm?.toLowerCase() !== YES && confirm !== confirmation) {
        return askToRollBack(domain, { before, after, confirmation });
      }
      const act = { by: call.userId, reason: "rolled back in chat", from: service.active };
      const changed = await parts.training.rollBack(scope, act);
      return {
        text: `${domain} is answered by ${await nameOf(parts, changed.active)} again, from the next message on.`,
      };
    },
  };
}

const YES = "yes";
const PREFIX_CHARS_SHOWN = 12;

interface RollBackQuestion {
  readonly before: string;
  readonly after: string;
  readonly confirmation: string;
}

function askToRollBack(domain: string, { before, after, confirmation }: RollBackQuestion): CommandReply {
  return {
    text: `${domain} is answered by ${before}. After a roll back ${after} answers, in open conversations too.\nTo go on: \`/rollback ${domain} yes\``,
    confirm: { label: "Roll back", options: new Map([["confirm", confirmation]]) },
  };
}

/** Those of the workspace and audience of the call: an adapter is as confidential as what it learned from. */
async function listOfCall({ training }: CommandParts, call: CommandCall): Promise<readonly AdapterView[]> {
  const { workspaceId, audience } = scopeOfCall(call);
  return (await training.listAdapters()).filter(
    ({ scope }) => scope.workspaceId === workspaceId && scope.audience === audience,
  );
}

async function activate(parts: CommandParts, call: CommandCall, adapter: AdapterView): Promise<CommandReply> {
  if (adapter.state === "active") return { text: `${adapter.name} is in service already.` };
  await parts.training.activate(adapter.digest, { by: call.userId, reason: "chosen in chat" });
  return {
    text: `**${adapter.name}** answers new conversations about ${adapter.scope.domain}. \`/rollback ${adapter.scope.domain}\` takes it back.`,
  };
}

const PREFIX_CHARS_MIN = 6;

function findByText(adapters: readonly AdapterView[], text: string): AdapterView {
  const found = adapters.filter(
    ({ digest, name }) => name === text || (text.length >= PREFIX_CHARS_MIN && digest.startsWith(text)),
  );
  const [adapter] = found;
  if (adapter === undefined || found.length > 1) throw new AdapterNotFoundError(titleOf(text));
  return adapter;
}

const LISTED_MAX = 10;

function describeAdapters(adapters: readonly AdapterView[]): string {
  if (adapters.length === 0) return "Nothing was learned here yet. `/status` shows how far each domain is.";
  const left = adapters.length - LISTED_MAX;
  return [
    ...adapters.slice(0, LISTED_MAX).map(({ name, scope, grade, state, createdAtMs }) => {
      const day = new Date(createdAtMs).toISOString().slice(0, 10);
      return `- \`${name}\` ${scope.domain}, grade ${grade}, ${state}, ${day}`;
    }),
    ...(left > 0 ? [`and ${left} older ones`] : []),
  ].join("\n");
}

function choiceOf({ name, digest, scope, grade }: AdapterView): CommandChoice {
  // A choice's name is shortened: Discord shows 100 characters.
  return { name: `${name} (${scope.domain}, grade ${grade})`.slice(0, 100), value: digest.slice(0, 24) };
}

async function nameOf({ learning }: CommandParts, digest: string | undefined): Promise<string> {
  if (digest === undefined) return "the base model";
  return (await learning.findAdapter(digest))?.name ?? digest.slice(0, PREFIX_CHARS_SHOWN);
}
