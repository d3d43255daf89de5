import type { Feedback } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatCommand, CommandCall, CommandReply } from "./chat-command.ts";
import type { CommandParts } from "./command-parts.ts";
import { findTurnOfCall, noTurnText, replyMessageOf } from "./command-turn.ts";

/** A taught answer waits for somebody else's word, so that one person alone cannot make the model theirs. */
export function agreeCommand(parts: CommandParts): ChatCommand {
  return {
    name: "agree",
    description: "Agree with an answer that somebody taught for my last reply here",
    access: "everyone",
    options: [{ name: "confirm", description: "Which taught answer", kind: "text", isRequired: false }],
    messageLabel: "Agree with what was taught",
    async run(call) {
      const turn = await findTurnOfCall(parts.chat, call);
      const messageId = turn === undefined ? undefined : replyMessageOf(turn);
      if (turn === undefined || messageId === undefined) return { text: noTurnText(call) };
      const waiting = await findWaiting(parts, call, turn);
      if (waiting === undefined) return { text: "Nobody else taught an answer to it that waits for agreement." };
      return call.options.get("confirm") === nameOf(waiting)
        ? agree(parts, call, messageId, waiting)
        : askToAgree(waiting);
    },
  };
}

/** The oldest taught by another person who lets their words teach. */
async function findWaiting(
  { chat, people }: CommandParts,
  call: CommandCall,
  turn: Turn,
): Promise<Feedback | undefined> {
  const optedOut = new Set(await people.listOptedOut(call.workspaceId));
  return (await chat.listFeedback(turn.id))
    .filter(({ userId, correction, endorsedBy }) => {
      return correction !== undefined && userId !== call.userId && endorsedBy.length === 0 && !optedOut.has(userId);
    })
    .toSorted((a, b) => a.correctionAtMs - b.correctionAtMs)[0];
}

/** Changes with the text, so that nobody agrees with what they did not read. */
function nameOf({ userId, correctionAtMs }: Feedback): string {
  return `${userId}@${correctionAtMs}`;
}

function askToAgree(waiting: Feedback): CommandReply {
  // All of it, in as many messages as that takes: what stands behind a cut would be agreed to unread.
  const quoted = (waiting.correction ?? "")
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
  return {
    text: `Somebody taught this answer:\n${quoted}\nIf it is right: \`/agree ${nameOf(waiting)}\``,
    confirm: { label: "It is right", options: new Map([["confirm", nameOf(waiting)]]) },
  };
}

async function agree(
  parts: CommandParts,
  { workspaceId, channelId, userId, atMs }: CommandCall,
  messageId: string,
  waiting: Feedback,
): Promise<CommandReply> {
  await parts.collectFeedback({
    workspaceId,
    channelId,
    messageId,
    userId: waiting.userId,
    endorsedBy: userId,
    source: "command",
    atMs,
  });
  return { text: "Thank you. It may teach me now, where this workspace allows it." };
}
