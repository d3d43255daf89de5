import type { ChatCommand, CommandCall } from "./chat-command.ts";
import type { CommandParts } from "./command-parts.ts";
import { describeCommands } from "./command-text.ts";
import { findTurnOfCall, noTurnText } from "./command-turn.ts";
import { startNewConversation } from "./place-conversation.ts";
import { isAdminCall } from "./run-command.ts";

export function askCommand(): ChatCommand {
  return {
    name: "ask",
    description: "Ask me something",
    access: "everyone",
    options: [
      { name: "question", description: "What you want to know", kind: "text", isRequired: true, takesRest: true },
    ],
    async run({ options }) {
      const question = options.get("question") ?? "";
      const quoted = question
        .split("\n")
        .map((line) => `> ${line}`)
        .join("\n");
      return { text: quoted, isPublic: true, ask: { question } };
    },
  };
}

export function newCommand({ chat, now }: CommandParts): ChatCommand {
  return {
    name: "new",
    description: "Begin a new conversation here: I forget what was said before",
    access: "everyone",
    options: [],
    async run(call) {
      const wasOpen = await startNewConversation(chat, placeOf(call), now());
      return {
        text: wasOpen
          ? "A new conversation. What was said before stays out of my next answers."
          : "There is nothing to leave behind: the next message begins a new conversation.",
      };
    },
  };
}

export function regenerateCommand(parts: CommandParts): ChatCommand {
  return {
    name: "regenerate",
    description: "Answer the last question here again",
    access: "everyone",
    options: [],
    messageLabel: "Answer again",
    async run(call) {
      const turn = await findTurnOfCall(parts.chat, call);
      if (turn === undefined) return { text: noTurnText(call) };
      const asked = turn.messages.find(({ role }) => role === "question")?.messageId;
      if (asked === undefined) return { text: noTurnText(call) };
      await parts.acceptMessage(`${call.platform}:again:${call.workspaceId}:${call.callId}`, {
        platform: call.platform,
        workspaceId: call.workspaceId,
        channelId: call.channelId,
        ...(turn.threadId === undefined ? {} : { threadId: turn.threadId }),
        visibility: call.visibility,
        userId: call.userId,
        messageId: asked,
        text: turn.question,
        sentAtMs: call.atMs,
        regenerationOf: turn.id,
      });
      return { text: "I am answering it again." };
    },
  };
}

export function helpCommand(parts: CommandParts, listCommands: () => readonly ChatCommand[]): ChatCommand {
  return {
    name: "help",
    description: "What I can do, and how",
    access: "everyone",
    options: [],
    async run(call) {
      const offered = listCommands().filter(({ platforms }) => platforms?.includes(call.platform) !== false);
      // Slack keeps some names for itself; behind this one all of them work.
      const prefix = call.platform === "slack" ? "/reactune " : "/";
      const help = describeCommands(offered, { isAdmin: isAdminCall(call, parts.settings), prefix });
      return { text: `${howToAsk(parts, call)}\n\n${help}` };
    },
  };
}

function howToAsk({ settings }: CommandParts, call: CommandCall): string {
  const place = { platform: call.platform, workspaceId: call.workspaceId, channelId: call.channelId };
  const { mention, emoji } = settings.of({ ...place, visibility: call.visibility });
  const ask =
    call.platform === "local" || call.visibility === "direct" || mention === "not-required"
      ? "Write to me, and I answer."
      : "Mention me, reply to me or write in a thread of mine, and I answer.";
  const faces = [1, 2, 3, 4, 5].flatMap((score) => {
    const found = [...emoji].find(([name, stands]) => stands === score && /\p{Extended_Pictographic}/u.test(name));
    return found === undefined ? [] : [found[0]];
  });
  const score =
    faces.length === 0 ? "" : ` Tell me what you think of an answer with an emoji under it: ${faces.join(" ")}.`;
  return `${ask}${score}`;
}

function placeOf({ workspaceId, channelId, threadId }: CommandCall) {
  return { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }) };
}
