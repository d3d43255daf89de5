import { titleOf } from "#core/conversation.ts";
import type { Report } from "#core/report.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatCommand, CommandCall, CommandReply } from "./chat-command.ts";
import { type CommandParts, recordAct } from "./command-parts.ts";
import { changeSetting } from "./command-settings.ts";
import { describeChannel, describePerson } from "./command-text.ts";
import { createPlaceLocks } from "./place-locks.ts";

export function moderationCommand(parts: CommandParts): ChatCommand {
  return {
    name: "moderation",
    description: "Reported replies, blocked words, pause",
    access: "admin",
    options: [
      {
        name: "action",
        description: "Lists reported replies when left out",
        kind: "choice",
        isRequired: false,
        choices: ["reports", "close", "words", "block", "unblock", "pause", "resume"].map((name) => ({
          name,
          value: name,
        })),
      },
      {
        name: "value",
        description: "The report to close, or words joined by commas",
        kind: "text",
        isRequired: false,
        isCompleted: true,
        takesRest: true,
      },
      { name: "channel", description: "Pause in one channel only", kind: "channel", isRequired: false },
    ],
    async complete(call, _option, typed) {
      if (call.options.get("action") === "close") return completeReport(parts, call, typed);
      return call.options.get("action") === "unblock" ? completeWord(parts, call, typed) : [];
    },
    run(call) {
      switch (call.options.get("action")) {
        case "close":
          return close(parts, call);
        case "words":
          return showWords(parts, call);
        case "block":
          return changeWords(parts, call, (words, given) => [...new Set([...words, ...given])]);
        case "unblock":
          return changeWords(parts, call, (words, given) =>
            words.filter((word) => !given.map(plain).includes(plain(word))),
          );
        case "pause":
          return pause(parts, call, true);
        case "resume":
          return pause(parts, call, false);
        default:
          return showReports(parts, call);
      }
    },
  };
}

const REPORTS_SHOWN_MAX = 8;
const REPORTS_LOOKED_AT_MAX = 200;

async function showReports(parts: CommandParts, call: CommandCall): Promise<CommandReply> {
  const { workspaceId } = call;
  const reports = await parts.moderation.listReports({ workspaceId, limit: REPORTS_LOOKED_AT_MAX });
  if (reports.length === 0) return { text: "No reported reply is open." };
  const lines = await Promise.all(
    reports.slice(0, REPORTS_SHOWN_MAX).map((report) => describeReport(parts, call, report)),
  );
  const left = reports.length - REPORTS_SHOWN_MAX;
  return {
    text: [
      ...lines,
      ...(left > 0 ? [`and ${left} older ones`] : []),
      "`/moderation close <id>` when it is dealt with.",
    ].join("\n"),
  };
}

async function describeReport(parts: CommandParts, call: CommandCall, report: Report): Promise<string> {
  const turn = await parts.chat.findTurn(report.turnId);
  const reason = report.reason === undefined ? "" : `: ${titleOf(report.reason)}`;
  const day = new Date(report.atMs).toISOString().slice(0, 10);
  const where = describeChannel(call.platform, report.channelId);
  const who = describePerson(call.platform, report.reportedBy);
  return `- \`${idOf(report)}\` ${where}, ${day}, by ${who}${reason}\n  ${excerpt(turn, call)}`;
}

/** An admin reads here what they could read there: of private places only where the command was called. */
function excerpt(turn: Turn | undefined, call: CommandCall): string {
  if (turn === undefined || turn.status === "deleted" || turn.reply === "") return "(the reply is gone)";
  const isReadable = turn.visibility === "public" || turn.channelId === call.channelId;
  return isReadable ? `> ${titleOf(turn.reply)}` : "(said in a private place: look there)";
}

async function close(parts: CommandParts, call: CommandCall): Promise<CommandReply> {
  const { workspaceId, userId } = call;
  const id = call.options.get("value");
  if (id === undefined) return { text: "Which one? Use `/moderation close <id>`; `/moderation reports` lists them." };
  const open = await parts.moderation.listReports({ workspaceId, limit: REPORTS_LOOKED_AT_MAX });
  const closing = open.filter((report) => idOf(report) === id);
  if (closing.length === 0) return { text: `No open report has the id "${titleOf(id)}".` };
  for (const report of closing) {
    await parts.moderation.saveReport({ ...report, closedBy: userId, closedAtMs: parts.now() });
  }
  await recordAct(parts, call, { what: `report.closed ${id}`, before: "open", after: "closed" });
  return {
    text: closing.length === 1 ? "The report is closed." : `${closing.length} reports of that reply are closed.`,
  };
}

async function completeReport({ moderation }: CommandParts, { workspaceId }: CommandCall, typed: string) {
  const open = await moderation.listReports({ workspaceId, limit: REPORTS_LOOKED_AT_MAX });
  const ids = new Map(open.map((report) => [idOf(report), report]));
  return [...ids]
    .filter(([id]) => id.startsWith(typed))
    .map(([id, { reason = "no reason given" }]) => ({ name: `${id}: ${titleOf(reason)}`, value: id }));
}

/** One reply is closed once, whoever reported it. */
function idOf({ turnId }: Report): string {
  return turnId.replace(/^turn-/u, "").slice(0, 12);
}

const WORDS_KEY = "moderation.blockedWords";
const LOCK_MAX_MS = 10_000;

/** The workspace's own list where there is one, else the configuration's. */
function wordsOf({ settings }: CommandParts, { platform, workspaceId }: CommandCall): readonly string[] {
  return settings.of({ platform, workspaceId }).blockedWords;
}

async function showWords(parts: CommandParts, call: CommandCall): Promise<CommandReply> {
  const words = wordsOf(parts, call);
  if (words.length === 0) return { text: "No word is blocked. `/moderation block <words>` blocks some." };
  return { text: `${countOf(words.length)}: \`${words.join(", ").replace(/`/gu, "")}\`` };
}

async function changeWords(
  parts: CommandParts,
  call: CommandCall,
  change: (words: readonly string[], given: readonly string[]) => readonly string[],
): Promise<CommandReply> {
  const given = splitWords(call.options.get("value") ?? "");
  if (given.length === 0) return { text: "Which words? Join several by commas." };
  // The list is one setting: who changes it reads what everybody else made of it. A holder may take its lease twice, so each call is one.
  const locks = createPlaceLocks({ ...parts, holder: parts.newId() });
  return await locks.hold(`words of ${call.workspaceId}`, AbortSignal.timeout(LOCK_MAX_MS), async () => {
    await parts.settings.refresh();
    const before = wordsOf(parts, call);
    const after = change(before, given);
    if (after.length === before.length) return { text: `Nothing to change. ${countOf(before.length)}.` };
    await changeSetting(parts, call, { key: WORDS_KEY }, after.join(","));
    return { text: `${countOf(after.length)}. They never stand in a reply.` };
  });
}

async function completeWord(parts: CommandParts, call: CommandCall, typed: string) {
  return wordsOf(parts, call)
    .filter((word) => plain(word).startsWith(plain(typed)))
    .map((word) => ({ name: word.slice(0, 100), value: word }));
}

function splitWords(text: string): readonly string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

function plain(word: string): string {
  return word.normalize("NFKC").toLowerCase();
}

function countOf(words: number): string {
  return words === 1 ? "1 word is blocked" : `${words} words are blocked`;
}

async function pause(parts: CommandParts, call: CommandCall, isPaused: boolean): Promise<CommandReply> {
  const channelId = call.options.get("channel");
  const change = { key: "moderation.isPaused", ...(channelId === undefined ? {} : { channelId }) };
  await changeSetting(parts, call, change, String(isPaused));
  if (channelId === undefined) {
    return {
      text: isPaused
        ? "I answer nothing but commands in this workspace until `/moderation resume`."
        : "I answer again in this workspace. Channels that were paused one by one stay so.",
    };
  }
  const where = describeChannel(call.platform, channelId);
  return {
    text: isPaused
      ? `I answer nothing but commands in ${where} until \`/moderation resume\` is called with that channel.`
      : `I answer again in ${where}.`,
  };
}
