import pc from "picocolors";
import type { ChatCommand, CommandCall, CommandFile, CommandForm, CommandReply } from "#bots/chat-command.ts";
import { parseCommandText } from "#bots/command-text.ts";
import { completeLine } from "#bots/complete-line.ts";
import { LOCAL_WORKSPACE_ID, type LocalChat, type LocalReply } from "#bots/local-chat.ts";
import type { CommandRunner } from "#bots/run-command.ts";
import type { NewId, Now } from "#core/clock.ts";
import { type ChatLines, openChatLines, showMarkdown } from "./chat-lines.ts";

export interface TerminalChatParts {
  readonly localChat: LocalChat;
  readonly commands: readonly ChatCommand[];
  readonly runner: CommandRunner;
  readonly stopReply: (turnId: string) => boolean;
  /** Keeps a file that a command made for the person; resolves with where it is. */
  readonly saveFile: (file: CommandFile) => Promise<string>;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly now: Now;
  readonly newId: NewId;
}

const CHANNEL_ID = "terminal";
const PERSON_ID = "terminal";
const WELCOME = `Type a question. ${pc.bold("/help")} lists the commands, ${pc.bold("/rate 1-5")} scores the last reply, ${pc.bold("/again")} asks again, ${pc.bold("/quit")} leaves; Tab completes.`;

/** `reactune chat`: the local platform in a terminal. Resolves when the person leaves or the input ends. */
export async function chatInTerminal(parts: TerminalChatParts): Promise<void> {
  const completion = {
    ...parts,
    callOf: (command: string, options: ReadonlyMap<string, string>) => callOf(parts, command, options, undefined),
  };
  const lines = openChatLines(parts.input, parts.output, async (line) =>
    (await completeLine(completion, line)).map((choice) => choice.line),
  );
  const talk: Talk = { last: undefined, running: undefined };
  lines.onInterrupt(() => {
    if (talk.running === undefined || !parts.stopReply(talk.running)) lines.close();
  });
  parts.output.write(`${WELCOME}\n`);
  for (;;) {
    const line = await lines.ask(pc.cyan("you › "));
    if (line === undefined || line === "/quit" || line === "/exit") break;
    if (line.startsWith("/")) await runCommand(parts, lines, talk, line);
    else if (line !== "") await ask(parts, talk, { text: line });
    talk.running = undefined;
  }
  lines.close();
}

interface Talk {
  last: LocalReply | undefined;
  /** The turn that is being written; Ctrl+C stops it. */
  running: string | undefined;
}

async function runCommand(parts: TerminalChatParts, lines: ChatLines, talk: Talk, line: string): Promise<void> {
  const say = (text: string) => parts.output.write(`${text}\n`);
  const [, word = "", text = ""] = /^\/(\S*)\s*([\s\S]*)$/u.exec(line) ?? [];
  const name = word === "again" ? "regenerate" : word;
  // Asked here rather than by the command, so that the new answer can be watched as it grows.
  if (name === "regenerate") {
    if (talk.last === undefined) say(pc.yellow("There is no reply yet: ask something first."));
    else await ask(parts, talk, { text: "", regenerationOf: talk.last.turnId });
    return;
  }
  const command = parts.commands.find((known) => known.name === name);
  const parsed = command === undefined ? { options: new Map<string, string>() } : parseCommandText(command, text);
  if ("problem" in parsed) {
    say(pc.yellow(showMarkdown(parsed.problem)));
    return;
  }
  let options = parsed.options;
  let reply = await parts.runner.run(callOf(parts, name, options, talk.last));
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
    if (reply.ask === undefined) say(showMarkdown(reply.text));
    const more = reply.form === undefined ? await askToConfirm(lines, reply) : await fillIn(lines, say, reply.form);
    if (more === undefined) break;
    options = new Map([...options, ...more]);
    reply = await parts.runner.run({ ...callOf(parts, name, options, talk.last), isForm: reply.form !== undefined });
  }
  if (reply.file !== undefined) say(`It is in ${pc.bold(await parts.saveFile(reply.file))}`);
  if (reply.ask !== undefined) await ask(parts, talk, { text: reply.ask.question });
}

/** A command asks back once or twice; what asks for ever is given up. */
const ROUNDS_MAX = 5;

async function askToConfirm(
  lines: ChatLines,
  { confirm }: CommandReply,
): Promise<ReadonlyMap<string, string> | undefined> {
  if (confirm === undefined) return undefined;
  const answer = await lines.ask(`${confirm.label}? ${pc.dim("(yes or no)")} › `);
  return /^y(es)?$/iu.test(answer ?? "") ? confirm.options : undefined;
}

/** Undefined when the person left out what must be given. */
async function fillIn(
  lines: ChatLines,
  say: (text: string) => void,
  form: CommandForm,
): Promise<ReadonlyMap<string, string> | undefined> {
  const given = new Map<string, string>();
  for (const { name, label, isRequired } of form.fields) {
    const value = (await lines.ask(`${label} › `)) ?? "";
    if (value !== "") given.set(name, value);
    else if (isRequired) {
      say(pc.dim("Left as it is."));
      return undefined;
    }
  }
  return given;
}

function callOf(
  { now, newId }: TerminalChatParts,
  command: string,
  options: ReadonlyMap<string, string>,
  last: LocalReply | undefined,
): CommandCall {
  return {
    command,
    platform: "local",
    callId: newId(),
    workspaceId: LOCAL_WORKSPACE_ID,
    channelId: CHANNEL_ID,
    visibility: "public",
    userId: PERSON_ID,
    roles: [],
    isAdmin: true,
    options,
    ...(last === undefined ? {} : { messageId: last.messageId }),
    atMs: now(),
  };
}

/** Streams the reply to the terminal as it grows. */
async function ask(
  parts: TerminalChatParts,
  talk: Talk,
  question: { readonly text: string; readonly regenerationOf?: string },
): Promise<void> {
  talk.last = await new Promise<LocalReply>((resolve, reject) => {
    let shown = "";
    let messageId: string | undefined;
    const early: LocalReply[] = [];
    const hear = (reply: LocalReply) => {
      if (messageId === undefined) {
        early.push(reply);
        return;
      }
      if (reply.inReplyTo !== messageId) return;
      talk.running = reply.turnId;
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
