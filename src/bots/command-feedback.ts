import { SCORE_LIKED_MIN } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatCommand, CommandCall, CommandForm, CommandReply } from "./chat-command.ts";
import type { CommandParts } from "./command-parts.ts";
import { describeChannel } from "./command-text.ts";
import { findTurnOfCall, noTurnText, replyMessageOf } from "./command-turn.ts";
import type { PlatformFeedback } from "./intake.ts";
import { isAdminCall } from "./run-command.ts";

const COMMENT_CHARS_MAX = 1000;
/** Discord's and Slack's forms hold no more in one field. */
const ANSWER_CHARS_MAX = 3000;

export function rateCommand(parts: CommandParts): ChatCommand {
  return {
    name: "rate",
    description: "Score my last answer here, 1 (bad) to 5 (good)",
    access: "everyone",
    options: [
      { name: "score", description: "1 (bad) to 5 (good)", kind: "number", isRequired: false, min: 1, max: 5 },
      { name: "comment", description: "Why", kind: "text", isRequired: false, takesRest: true },
    ],
    messageLabel: "Rate this reply",
    run: (call) =>
      onReply(parts, call, async (turn, messageId) => {
        const score = call.options.get("score");
        const comment = call.options.get("comment");
        if (score === undefined)
          return { text: "How good was it? Use `/rate <score 1-5> [comment…]`", form: rateForm(turn) };
        const given = { score: Number(score), ...(comment === undefined ? {} : { comment }) };
        return give(parts, call, messageId, given, `Scored ${score}. Thank you!${adviceFor(Number(score))}`);
      }),
  };
}

export function teachCommand(parts: CommandParts): ChatCommand {
  return {
    name: "teach",
    description: "Give the answer that you would have liked",
    access: "everyone",
    options: [{ name: "answer", description: "The better answer", kind: "text", isRequired: false, takesRest: true }],
    messageLabel: "Teach a better answer",
    run: (call) =>
      onReply(parts, call, async (turn, messageId) => {
        const correction = call.options.get("answer");
        if (correction === undefined)
          return { text: "What should I have said? Use `/teach <answer…>`", form: teachForm(turn) };
        return give(
          parts,
          call,
          messageId,
          { correction, ...adminsWord(parts, call) },
          await thankForTeaching(parts, call),
        );
      }),
  };
}

export function reportCommand(parts: CommandParts): ChatCommand {
  return {
    name: "report",
    description: "Tell the admins that something is wrong with my last answer here",
    access: "everyone",
    options: [{ name: "reason", description: "What is wrong", kind: "text", isRequired: false, takesRest: true }],
    messageLabel: "Report to the admins",
    run: (call) =>
      onReply(parts, call, async (turn) => {
        const reason = call.options.get("reason");
        if (reason === undefined && call.isForm !== true) {
          return { text: "What is wrong with it? Use `/report <reason…>`", form: REPORT_FORM };
        }
        return report(parts, call, turn, reason);
      }),
  };
}

async function onReply(
  { chat }: CommandParts,
  call: CommandCall,
  act: (turn: Turn, messageId: string) => Promise<CommandReply>,
): Promise<CommandReply> {
  const turn = await findTurnOfCall(chat, call);
  const messageId = turn === undefined ? undefined : replyMessageOf(turn);
  return turn === undefined || messageId === undefined ? { text: noTurnText(call) } : act(turn, messageId);
}

async function give(
  parts: CommandParts,
  call: CommandCall,
  messageId: string,
  given: Pick<PlatformFeedback, "score" | "comment" | "correction" | "endorsedBy">,
  thanks: string,
): Promise<CommandReply> {
  const { workspaceId, channelId, userId, atMs } = call;
  const feedback = await parts.collectFeedback({
    ...given,
    workspaceId,
    channelId,
    messageId,
    userId,
    source: "command",
    atMs,
  });
  return { text: feedback === undefined ? noTurnText(call) : thanks };
}

function adviceFor(score: number): string {
  return score < SCORE_LIKED_MIN ? " If you know a better answer, teach it to me: `/teach <answer…>`" : "";
}

/**
 * What one person teaches waits for a second one to agree with it, unless an admin teaches it. Nobody can agree with themselves,
 * so an admin's agreement has a name of its own.
 */
function adminsWord({ settings }: CommandParts, call: CommandCall): Pick<PlatformFeedback, "endorsedBy"> {
  return isAdminCall(call, settings) ? { endorsedBy: `admin:${call.userId}` } : {};
}

/** Nobody is told that something was learned where nothing may be. */
async function thankForTeaching(parts: CommandParts, call: CommandCall): Promise<string> {
  const { level } = await parts.permission.read(call.workspaceId);
  const choice = await parts.people.getChoice(call.workspaceId, call.userId);
  if (level === "off")
    return "Noted. Thank you! Learning is off in this workspace: it teaches me when an admin allows that.";
  if (choice?.learns === false)
    return "Noted. Thank you! You opted out, so it teaches me nothing: `/privacy opt-in` changes that.";
  if (isAdminCall(call, parts.settings)) return "Learned. Thank you!";
  return "Noted. Thank you! It teaches me as soon as somebody else agrees with it: `/agree` on the reply.";
}

const REPORTS_LOOKED_AT_MAX = 200;

async function report(
  parts: CommandParts,
  call: CommandCall,
  turn: Turn,
  reason: string | undefined,
): Promise<CommandReply> {
  const { workspaceId, channelId, userId } = call;
  const open = await parts.moderation.listReports({ workspaceId, limit: REPORTS_LOOKED_AT_MAX });
  const isKnown = open.some((item) => item.turnId === turn.id && item.reportedBy === userId);
  const reported = { workspaceId, channelId, turnId: turn.id, reportedBy: userId, atMs: parts.now() };
  await parts.moderation.saveReport({ ...reported, ...(reason === undefined ? {} : { reason }) });
  parts.log.info({ turnId: turn.id, workspaceId }, "reply.reported");
  const told = [
    `⚠️ A reply in ${describeChannel(call.platform, channelId)} was reported${reason === undefined ? "." : `: ${reason}`}`,
    "`/moderation reports` shows all that are open.",
  ];
  // A second report by the same person replaces the first; the report stands whether or not the admins' channel can be written to.
  if (!isKnown) {
    await parts.tellAdmins(workspaceId, told.join("\n")).catch((error: unknown) => {
      parts.log.warn({ workspaceId, err: error }, "admins.not-told");
    });
  }
  return { text: "Thank you. The admins of this workspace can see it now." };
}

function rateForm({ status }: Turn): CommandForm {
  return {
    title: status === "streaming" ? "Rate what is there so far" : "Rate this reply",
    fields: [
      { name: "score", label: "Score, 1 (bad) to 5 (good)", isLong: false, isRequired: true, charsMax: 1 },
      { name: "comment", label: "Why (optional)", isLong: true, isRequired: false, charsMax: COMMENT_CHARS_MAX },
    ],
  };
}

function teachForm({ reply }: Turn): CommandForm {
  // To be mended rather than written anew; a longer one would come back cut.
  const value = reply !== "" && reply.length <= ANSWER_CHARS_MAX ? { value: reply } : {};
  return {
    title: "Teach a better answer",
    fields: [
      {
        name: "answer",
        label: "The better answer",
        isLong: true,
        isRequired: true,
        charsMax: ANSWER_CHARS_MAX,
        ...value,
      },
    ],
  };
}

const REPORT_FORM: CommandForm = {
  title: "Report this reply",
  fields: [
    {
      name: "reason",
      label: "What is wrong with it? (optional)",
      isLong: true,
      isRequired: false,
      charsMax: COMMENT_CHARS_MAX,
    },
  ],
};
