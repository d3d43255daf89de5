import { SettingInvalidError } from "#core/errors.ts";
import type { Setting } from "#core/setting.ts";
import type { ChatCommand, CommandCall, CommandReply } from "./chat-command.ts";
import { type CommandParts, recordAct } from "./command-parts.ts";
import { describeChannel, describePerson } from "./command-text.ts";
import type { SettingRule } from "./place-settings.ts";

export function settingsCommand(parts: CommandParts): ChatCommand {
  const { rules } = parts;
  return {
    name: "settings",
    description: "What holds in this workspace or a channel, and change it while I run",
    access: "admin",
    options: [
      {
        name: "action",
        description: "Shows them when left out",
        kind: "choice",
        isRequired: false,
        choices: [
          { name: "show", value: "show" },
          { name: "set", value: "set" },
          { name: "reset", value: "reset" },
        ],
      },
      { name: "key", description: "Which setting", kind: "text", isRequired: false, isCompleted: true },
      { name: "value", description: "What it shall be", kind: "text", isRequired: false, takesRest: true },
      { name: "channel", description: "For one channel only", kind: "channel", isRequired: false },
    ],
    async complete(_call, _option, typed) {
      const word = typed.toLowerCase();
      return rules.keys
        .filter(({ key }) => key.toLowerCase().includes(word))
        .map(({ key, description }) => ({ name: `${key}: ${description}`.slice(0, 100), value: key }));
    },
    async run(call) {
      const { options } = call;
      const action = options.get("action") ?? "show";
      const key = options.get("key");
      if (key === undefined)
        return action === "show" ? showAll(parts, call) : { text: `Which one? ${listKeys(parts)}` };
      const rule = findRule(parts, key);
      if (action === "show") return showOne(parts, call, rule);
      const given = readTarget(rule, options);
      if (given.change.channelId !== undefined && !rule.perChannel) {
        throw new SettingInvalidError(rule.key, "it holds for the whole workspace", "Leave the channel out");
      }
      if (action === "reset") return reset(parts, call, given.change);
      if (given.value === undefined) return { text: `What shall it be? Give ${rule.expected}.` };
      return set(parts, call, given.change, given.value);
    },
  };
}

export interface SettingChange {
  readonly key: string;
  /** Undefined: the whole workspace. */
  readonly channelId?: string;
}

/** Settings whose value is ids, which people name as channels, roles and groups. */
const ID_KEYS: ReadonlySet<string> = new Set([
  "chat.allowedChannels",
  "chat.allowedRoles",
  "chat.adminRoles",
  "chat.adminChannel",
]);

/** A channel beside a setting that is about channels, and cannot differ by channel, is its value. */
function readTarget({ key, perChannel }: SettingRule, options: ReadonlyMap<string, string>) {
  const channelId = options.get("channel");
  const value = options.get("value");
  if (!ID_KEYS.has(key)) return { change: targetOf(key, channelId), value };
  const ids = perChannel ? value : [channelId, value].filter((part) => part !== undefined).join(" ");
  return {
    change: targetOf(key, perChannel ? channelId : undefined),
    value: ids === undefined || ids === "" ? undefined : readIds(ids),
  };
}

function targetOf(key: string, channelId: string | undefined): SettingChange {
  return { key, ...(channelId === undefined ? {} : { channelId }) };
}

/** `<#C1|general>, <@&42> <!subteam^S1|@team>` become `C1,42,S1`. */
function readIds(text: string): string {
  const ids = text.replace(/<(?:#|@&|!subteam\^)([A-Za-z0-9]+)(?:\|[^>]*)?>/gu, " $1 ");
  return ids
    .split(/[\s,]+/u)
    .filter((id) => id !== "")
    .join(",");
}

/** Checks, stores, makes live and audits. Rejects with SettingInvalidError. Returns the JSON text of the new value. */
export async function changeSetting(
  parts: CommandParts,
  call: CommandCall,
  { key, channelId }: SettingChange,
  text: string,
): Promise<string> {
  const checked = parts.rules.check(key, text);
  if ("problem" in checked) {
    throw new SettingInvalidError(key, checked.problem, "`/settings show` with its key says what it accepts");
  }
  const place = { workspaceId: call.workspaceId, ...(channelId === undefined ? {} : { channelId }) };
  const before = await findSetting(parts, { ...place, key });
  await parts.settingStore.putSetting({
    ...place,
    key,
    value: checked.value,
    setBy: call.userId,
    setAtMs: parts.now(),
  });
  await makeLive(parts, call);
  await recordAct(parts, call, {
    what: `setting.changed ${describeTarget({ key, ...place })}`,
    before: before?.value ?? USUAL,
    after: checked.value,
  });
  return checked.value;
}

const USUAL = "(configuration)";

async function set(parts: CommandParts, call: CommandCall, change: SettingChange, text: string): Promise<CommandReply> {
  const value = await changeSetting(parts, call, change, text);
  return {
    text: `\`${change.key}\` is now ${describeValue(value)}${describePlace(call, change)}, at once and for every process.`,
  };
}

async function reset(parts: CommandParts, call: CommandCall, change: SettingChange): Promise<CommandReply> {
  const place = { workspaceId: call.workspaceId, ...change };
  const before = await findSetting(parts, place);
  if (before === undefined || !(await parts.settingStore.removeSetting(place))) {
    return { text: `\`${change.key}\` was not changed${describePlace(call, change)}: nothing to reset.` };
  }
  await makeLive(parts, call);
  await recordAct(parts, call, { what: `setting.reset ${describeTarget(change)}`, before: before.value, after: USUAL });
  return { text: `\`${change.key}\`${describePlace(call, change)} is back to what holds without it.` };
}

async function makeLive({ settings, events }: CommandParts, { workspaceId }: CommandCall): Promise<void> {
  events.publish({ kind: "settings.changed", workspaceId });
  await settings.refresh();
}

function findRule({ rules }: CommandParts, key: string): SettingRule {
  const rule = rules.keys.find((known) => known.key.toLowerCase() === key.toLowerCase());
  if (rule === undefined) {
    throw new SettingInvalidError(
      key,
      "there is none of this name",
      "`/settings` lists those that can be changed in chat",
    );
  }
  return rule;
}

async function findSetting(
  { settingStore }: CommandParts,
  { workspaceId, channelId, key }: Pick<Setting, "workspaceId" | "channelId" | "key">,
): Promise<Setting | undefined> {
  const all = await settingStore.listSettings();
  return all.find((item) => item.workspaceId === workspaceId && item.channelId === channelId && item.key === key);
}

async function listOfWorkspace({ settingStore }: CommandParts, call: CommandCall): Promise<readonly Setting[]> {
  return (await settingStore.listSettings()).filter(({ workspaceId }) => workspaceId === call.workspaceId);
}

const SHOWN_CHARS_MAX = 40;

/** A line a setting, shortened; the marked ones differ from the configuration. */
async function showAll(parts: CommandParts, call: CommandCall): Promise<CommandReply> {
  const changed = await listOfWorkspace(parts, call);
  const lines = parts.rules.keys.map(({ key }) => {
    const own = changed.filter((setting) => setting.key === key);
    const ofWorkspace = own.find(({ channelId }) => channelId === undefined);
    const channels = own.length - (ofWorkspace === undefined ? 0 : 1);
    const value = ofWorkspace?.value ?? parts.configured(key, call.platform);
    const mark = ofWorkspace === undefined ? "" : " ✏️";
    return `- \`${key}\` ${describeValue(value, SHOWN_CHARS_MAX)}${mark}${channels === 0 ? "" : `, differs in ${channels === 1 ? "1 channel" : `${channels} channels`}`}`;
  });
  const usage = "`/settings show <key>`, `/settings set <key> <value…>`, `/settings reset <key>`; ✏️ was changed here.";
  return { text: [...lines, usage].join("\n") };
}

async function showOne(parts: CommandParts, call: CommandCall, rule: SettingRule): Promise<CommandReply> {
  const own = (await listOfWorkspace(parts, call)).filter(({ key }) => key === rule.key);
  const lines = own.map(({ channelId, value, setBy, setAtMs }) => {
    const where = channelId === undefined ? "Workspace" : `In ${describeChannel(call.platform, channelId)}`;
    return `- ${where}: ${describeValue(value)}, set by ${describePerson(call.platform, setBy)} on ${new Date(setAtMs).toISOString().slice(0, 10)}`;
  });
  return {
    text: [
      `\`${rule.key}\`: ${rule.description}. It accepts ${rule.expected}${rule.perChannel ? ", and can differ by channel" : ""}.`,
      ...lines,
      `- Configuration: ${describeValue(parts.configured(rule.key, call.platform))}`,
      "A channel's value wins over the workspace's, that over the configuration's.",
    ].join("\n"),
  };
}

function listKeys({ rules }: CommandParts): string {
  return rules.keys.map(({ key }) => `\`${key}\``).join(", ");
}

/** As code, on one line. */
function describeValue(value: string | undefined, charsMax = 500): string {
  if (value === undefined) return "not set";
  const letters = Array.from(value.replace(/`/gu, "'").replace(/\s+/gu, " "));
  return `\`${letters.length <= charsMax ? letters.join("") : `${letters.slice(0, charsMax - 1).join("")}…`}\``;
}

function describePlace({ platform }: CommandCall, { channelId }: SettingChange): string {
  return channelId === undefined ? " in this workspace" : ` in ${describeChannel(platform, channelId)}`;
}

function describeTarget({ key, channelId }: SettingChange): string {
  return channelId === undefined ? key : `${key} in channel ${channelId}`;
}
