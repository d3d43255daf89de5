import { expect, test } from "vitest";
import type { ChatCommand, CommandCall } from "#bots/chat-command.ts";
import type { Platform } from "#core/scope.ts";
import { tellFigures } from "../../fixtures/trials/tell-figures.ts";
import { openCommandWorld } from "./command-world.ts";

const PLATFORMS = ["local", "discord", "slack"] as const;

interface Role {
  readonly name: string;
  readonly call: (platform: Platform) => Partial<CommandCall>;
  /** On Discord and Slack; on the local platform everybody is the operator. */
  readonly isAdmin: boolean;
}

const HOME = { channelId: "c1", visibility: "public" } as const;
const DIRECT = { channelId: "dm1", visibility: "direct" } as const;

const ROLES: readonly Role[] = [
  { name: "everyone", isAdmin: false, call: (platform) => ({ ...HOME, workspaceId: `${platform}:home` }) },
  {
    name: "admin by platform",
    isAdmin: true,
    call: (platform) => ({ ...HOME, workspaceId: `${platform}:home`, isAdmin: true }),
  },
  {
    name: "admin by role",
    isAdmin: true,
    call: (platform) => ({ ...HOME, workspaceId: `${platform}:home`, roles: ["members", "mods"] }),
  },
  {
    name: "another role",
    isAdmin: false,
    call: (platform) => ({ ...HOME, workspaceId: `${platform}:home`, roles: ["members"] }),
  },
  {
    // Their own workspace's word and roles say nothing here: a connector tells what holds in the workspace of the call.
    name: "another workspace's admin",
    isAdmin: false,
    call: (platform) => ({ ...HOME, workspaceId: `${platform}:home`, roles: ["elsewhere-mods"] }),
  },
  {
    name: "this workspace's admin in another",
    isAdmin: false,
    call: (platform) => ({ ...HOME, workspaceId: `${platform}:elsewhere`, roles: ["mods"] }),
  },
  { name: "direct message", isAdmin: false, call: (platform) => ({ ...DIRECT, workspaceId: `${platform}:home` }) },
  {
    name: "direct message of an admin by platform",
    isAdmin: true,
    call: (platform) => ({ ...DIRECT, workspaceId: `${platform}:home`, isAdmin: true }),
  },
];

/** Written out, so that a command that forgets to ask for an admin is noticed. */
const EVERYONES: ReadonlySet<string> = new Set([
  "ask",
  "new",
  "rate",
  "teach",
  "agree",
  "why",
  "regenerate",
  "report",
  "privacy",
  "help",
]);

/** Every way to call each command that does something of its own. */
const ACTIONS: ReadonlyMap<string, readonly Readonly<Record<string, string>>[]> = new Map([
  ["ask", [{ question: "Where is my refund?" }]],
  ["rate", [{}, { score: "5" }]],
  ["teach", [{}, { answer: "In five days." }]],
  ["report", [{}, { reason: "Wrong" }]],
  [
    "privacy",
    [{}, { action: "opt-out" }, { action: "opt-in" }, { action: "export" }, { action: "forget", confirm: "yes" }],
  ],
  ["status", [{}, { domain: "support" }]],
  ["train", [{}, { domain: "support" }, { domain: "support", mode: "check" }]],
  ["adapters", [{}, { action: "list" }, { action: "activate", adapter: "reactune-x" }]],
  ["rollback", [{ domain: "support" }, { domain: "support", confirm: "yes" }]],
  [
    "learning",
    [
      {},
      { action: "allow", level: "examples" },
      { action: "allow", level: "adapters", confirm: "wording-1" },
      { action: "off" },
    ],
  ],
  [
    "settings",
    [
      {},
      { action: "show", key: "chat.mention" },
      { action: "set", key: "conversation.overlap", value: "join" },
      { action: "set", key: "conversation.overlap", value: "join", channel: "c2" },
      { action: "reset", key: "conversation.overlap" },
    ],
  ],
  [
    "moderation",
    [
      { action: "reports" },
      { action: "close", value: "abc" },
      { action: "words" },
      { action: "block", value: "darn" },
      { action: "unblock", value: "darn" },
      { action: "pause", channel: "c3" },
      { action: "resume", channel: "c3" },
    ],
  ],
]);

const REFUSED = /^Only admins of this workspace may use/u;

/** Whether the refusal, or its absence, is what the table says: also in the audit, the settings and the suggestions. */
test("every command does what each role may on each platform, and nothing else", async () => {
  const world = await openCommandWorld();
  for (const platform of PLATFORMS) {
    for (const [workspace, roles] of [
      ["home", "mods"],
      ["elsewhere", "elsewhere-mods"],
    ] as const) {
      const place = { workspaceId: `${platform}:${workspace}`, key: "chat.adminRoles", setBy: "test", setAtMs: 1 };
      await world.store.settings.putSetting({ ...place, value: JSON.stringify([roles]) });
    }
  }
  await world.settings.refresh();
  const wrong: string[] = [];
  let cells = 0;
  let calls = 0;

  for (const platform of PLATFORMS) {
    for (const role of ROLES) {
      for (const command of world.commands) {
        cells++;
        const mayRun = EVERYONES.has(command.name) || role.isAdmin || platform === "local";
        for (const options of ACTIONS.get(command.name) ?? [{}]) {
          calls++;
          const verdict = await tryCall(world, command, { platform, ...role.call(platform) }, options, mayRun);
          if (verdict !== undefined)
            wrong.push(`${platform}, ${role.name}, /${command.name} ${JSON.stringify(options)}: ${verdict}`);
        }
      }
    }
  }

  tellFigures("permission matrix", {
    commands: world.commands.length,
    roles: ROLES.length,
    platforms: PLATFORMS.length,
    cells,
    calls,
    wrong: wrong.length,
  });
  expect(wrong).toEqual([]);
  expect(cells).toBe(world.commands.length * ROLES.length * PLATFORMS.length);
}, 120_000);

type World = Awaited<ReturnType<typeof openCommandWorld>>;

let people = 0;

/** What was wrong with one call; undefined when nothing was. */
async function tryCall(
  { runner, callOf, store, lines }: World,
  command: ChatCommand,
  place: Partial<CommandCall>,
  given: Readonly<Record<string, string>>,
  mayRun: boolean,
): Promise<string | undefined> {
  // A person a call, so that nobody is slowed down.
  const userId = `person-${++people}`;
  const call = callOf(command.name, { ...place, userId, options: new Map(Object.entries(given)) });
  const revision = await store.settings.settingsRevision();
  lines.length = 0;
  const { text } = await runner.run(call);
  const isRefused = REFUSED.test(text);
  const [newest] = await store.people.listAudit(1);
  const isRecorded = newest?.who === userId && newest.what === `command.refused /${command.name}`;

  if (lines.some(({ event }) => event === "command.crashed")) return `crashed: ${JSON.stringify(lines)}`;
  if (isRefused === mayRun) return mayRun ? "was refused" : `was allowed: ${text}`;
  if (isRecorded === mayRun) return mayRun ? "was recorded as refused" : "left no audit entry";
  if (!mayRun && (await store.settings.settingsRevision()) !== revision) return "changed a setting";
  if (!mayRun && (await store.people.getPermission(call.workspaceId))?.grantedBy === userId)
    return "changed the permission";
  const completed = command.options.find(({ isCompleted }) => isCompleted === true);
  const isSuggesting =
    completed !== undefined &&
    (await runner.complete(callOf(command.name, { ...place, userId }), completed.name, "")).length > 0;
  return isSuggesting && !mayRun ? "suggested something" : undefined;
}
