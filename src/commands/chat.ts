import { createInterface } from "node:readline/promises";
import pc from "picocolors";
import type { LocalChat, LocalReply } from "#bots/local-chat.ts";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import { startNewConversation } from "#bots/place-conversation.ts";
import type { PlatformFeedback } from "#bots/platform-connector.ts";
import type { Feedback } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";

export interface TerminalChatParts {
  readonly localChat: LocalChat;
  readonly chat: ChatStore;
  readonly collect: (feedback: PlatformFeedback) => Promise<Feedback | undefined>;
  readonly stopReply: (turnId: string) => boolean;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly now: () => number;
}

const CHANNEL_ID = "terminal";
const PERSON_ID = "terminal";
const HELP = `Type a question. Commands: ${pc.bold("/rate 1-5")} score the last reply, ${pc.bold("/teach <better answer>")}, ${pc.bold("/again")} ask again, ${pc.bold("/new")} conversation, ${pc.bold("/why")}, ${pc.bold("/quit")}`;

/** `reactune chat`: the local platform in a terminal. Resolves when the person leaves or the input ends. */
export async function chatInTerminal(parts: TerminalChatParts): Promise<void> {
  const lines = createInterface({ input: parts.input, output: parts.output, terminal: parts.output.isTTY === true });
  const write = (text: string) => parts.output.write(text);
  let last: LocalReply | undefined;
  let running: string | undefined;
  lines.on("SIGINT", () => {
    if (running === undefined || !parts.stopReply(running)) lines.close();
  });
  write(`${HELP}\n`);
  const prompt = () => {
    lines.setPrompt(pc.cyan("you › "));
    lines.prompt();
  };
  prompt();
  for await (const raw of lines) {
    const line = raw.trim();
    if (line === "/quit" || line === "/exit") break;
    if (line.startsWith("/"))
      write(
        `${await runCommand(
          parts,
          line,
          last,
          (id) => {
            running = id;
          },
          (reply) => {
            last = reply;
          },
        )}\n`,
      );
    else if (line !== "")
      last = await ask(parts, { text: line }, (id) => {
        running = id;
      });
    running = undefined;
    prompt();
  }
  lines.close();
}

async function runCommand(
  parts: TerminalChatParts,
  line: string,
  last: LocalReply | undefined,
  onRunning: (turnId: string) => void,
  onReply: (reply: LocalReply) => void,
): Promise<string> {
  const [command = "", ...rest] = line.split(" ");
  const text = rest.join(" ").trim();
  if (command === "/help") return HELP;
  if (command === "/new") {
    await startNewConversation(parts.chat, { workspaceId: LOCAL_WORKSPACE_ID, channelId: CHANNEL_ID }, parts.now());
    return pc.dim("A new conversation.");
  }
  if (last === undefined) return pc.yellow("There is no reply yet: ask something first.");
  if (command === "/why") return describeTurn(await parts.chat.findTurn(last.turnId));
  if (command === "/again") {
    onReply(await ask(parts, { text: "", regenerationOf: last.turnId }, onRunning));
    return "";
  }
  if (command === "/rate") return rate(parts, last, { score: Number(text) }, "Use /rate 1 (bad) to /rate 5 (good).");
  if (command === "/teach")
    return rate(parts, last, { correction: text }, "Use /teach and the answer you would have liked.");
  return pc.yellow(`There is no ${command}. ${HELP}`);
}

async function rate(
  parts: TerminalChatParts,
  last: LocalReply,
  change: Pick<PlatformFeedback, "score" | "correction">,
  usage: string,
): Promise<string> {
  const isGiven = change.correction === undefined ? Number.isInteger(change.score) : change.correction !== "";
  const feedback = !isGiven
    ? undefined
    : await parts.collect({
        ...change,
        workspaceId: LOCAL_WORKSPACE_ID,
        channelId: CHANNEL_ID,
        messageId: last.messageId,
        userId: PERSON_ID,
        source: "command",
        atMs: parts.now(),
      });
  return feedback === undefined
    ? pc.yellow(usage)
    : pc.green(change.correction === undefined ? `Scored ${feedback.score}. Thank you!` : "Learned. Thank you!");
}

/** Streams the reply to the terminal as it grows. */
function ask(
  parts: TerminalChatParts,
  question: { readonly text: string; readonly regenerationOf?: string },
  onRunning: (turnId: string) => void,
): Promise<LocalReply> {
  return new Promise((resolve, reject) => {
    let shown = "";
    let messageId: string | undefined;
    const early: LocalReply[] = [];
    const hear = (reply: LocalReply) => {
      if (messageId === undefined) {
        early.push(reply);
        return;
      }
      if (reply.inReplyTo !== messageId) return;
      onRunning(reply.turnId);
      if (shown === "") parts.output.write(pc.magenta("reactune › "));
      parts.output.write(reply.text.startsWith(shown) ? reply.text.slice(shown.length) : `\n${reply.text}`);
      shown = reply.text;
      if (!reply.isFinal) return;
      unsubscribe();
      parts.output.write("\n");
      resolve(reply);
    };
    const unsubscribe = parts.localChat.subscribe(CHANNEL_ID, hear);
    parts.localChat
      .ask({ userId: PERSON_ID, channelId: CHANNEL_ID, ...question })
      .then((asked) => {
        messageId = asked.messageId;
        for (const reply of early) hear(reply);
      })
      .catch((error: unknown) => {
        unsubscribe();
        reject(error);
      });
  });
}

function describeTurn(turn: Turn | undefined): string {
  if (turn === undefined) return pc.yellow("That was a notice, not an answer.");
  const { domain, provenance, arm } = turn;
  return pc.dim(
    [
      `domain ${domain.domain} (${domain.reason})`,
      `model ${provenance.modelName}`,
      `adapter ${arm.adapterDigest?.slice(0, 12) ?? "none (base model)"}`,
      `cache ${provenance.cache.hit} (${provenance.cache.reason})`,
      `${provenance.replyTokens} tokens in ${provenance.totalMs} ms`,
    ].join(" · "),
  );
}
