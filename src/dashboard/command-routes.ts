import { Hono } from "hono";
import type { ChatCommand, CommandCall, CommandReply } from "#bots/chat-command.ts";
import { describeUsage, parseCommandText } from "#bots/command-text.ts";
import { completeLine } from "#bots/complete-line.ts";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import type { CommandReplyView, CompletionView } from "./command-records.ts";
import type { DashboardParts, PageCommands } from "./dashboard-parts.ts";
import { channelOf, type Person, type PersonEnv } from "./identify.ts";
import { findOwnConversation } from "./read-chat.ts";
import { readBody } from "./read-request.ts";
import { commandRequest, completionRequest } from "./request-schemas.ts";

/** A line that begins with "/" in the web chat: what it can become, and what it does. */
export function commandRoutes(parts: DashboardParts, { commands, runner }: PageCommands): Hono<PersonEnv> {
  const app = new Hono<PersonEnv>();
  const offered = commands.filter(({ platforms }) => platforms?.includes("local") !== false);

  async function callIn(
    person: Person,
    request: { readonly conversationId?: string | undefined; readonly threadId?: string | undefined },
    callId: string,
  ): Promise<Omit<CommandCall, "command" | "options">> {
    const { conversationId } = request;
    const conversation =
      conversationId === undefined ? undefined : await findOwnConversation(parts, person, conversationId);
    const threadId = conversation === undefined ? request.threadId : conversation.threadId;
    return {
      platform: "local",
      // Under the person's id: nobody can use up the ids of somebody else's calls.
      callId: `${person.personId}.${callId}`,
      workspaceId: LOCAL_WORKSPACE_ID,
      channelId: channelOf(person),
      ...(threadId === undefined ? {} : { threadId }),
      visibility: "public",
      userId: person.personId,
      roles: [],
      isAdmin: person.isAdmin,
      atMs: parts.now(),
    };
  }

  app.post("/commands/complete", async (context) => {
    const request = await readBody(context, completionRequest);
    const call = await callIn(context.var.person, request, parts.newId());
    const callOf = (command: string, options: ReadonlyMap<string, string>) => ({ ...call, command, options });
    const choices = await completeLine({ commands: offered, runner, callOf }, request.line);
    return context.json({ choices, ...describeLine(offered, request.line) } satisfies CompletionView);
  });

  app.post("/commands", async (context) => {
    const request = await readBody(context, commandRequest);
    const call = await callIn(context.var.person, request, request.callId);
    const { command, name, rest } = readLine(offered, request.line);
    const parsed =
      request.options !== undefined
        ? { options: new Map(Object.entries(request.options)) }
        : command === undefined
          ? { options: new Map<string, string>() }
          : parseCommandText(command, rest);
    if ("problem" in parsed) return context.json({ text: parsed.problem } satisfies CommandReplyView);
    const { options } = parsed;
    const reply = await runner.run({ ...call, command: name, options, isForm: request.isForm === true });
    return context.json(viewReply(reply, options));
  });

  return app;
}

function readLine(commands: readonly ChatCommand[], line: string) {
  const [, name = "", rest = ""] = /^\/(\S*)\s*([\s\S]*)$/u.exec(line) ?? [];
  return { name, rest, command: commands.find((known) => known.name === name) };
}

function describeLine(commands: readonly ChatCommand[], line: string): Omit<CompletionView, "choices"> {
  const { command } = readLine(commands, line);
  if (command === undefined) return {};
  const option = command.options[line.split(/\s+/u).length - 2]?.description;
  return { usage: describeUsage(command).replaceAll("`", ""), ...(option === undefined ? {} : { option }) };
}

function viewReply(reply: CommandReply, given: ReadonlyMap<string, string>): CommandReplyView {
  const { text, image, file, form, confirm, ask } = reply;
  return {
    text,
    ...(image === undefined ? {} : { image: { src: `data:image/png;base64,${base64(image.png)}`, alt: image.alt } }),
    ...(file === undefined
      ? {}
      : { file: { name: file.name, mediaType: file.mediaType, base64: base64(file.contents) } }),
    ...(form === undefined ? {} : { form: { ...form, options: Object.fromEntries(given) } }),
    ...(confirm === undefined
      ? {}
      : { confirm: { label: confirm.label, options: Object.fromEntries([...given, ...confirm.options]) } }),
    ...(ask === undefined ? {} : { ask: ask.question }),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
