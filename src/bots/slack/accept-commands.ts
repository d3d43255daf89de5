import { z } from "zod";
import type { ChatCommand, CommandCall } from "#bots/chat-command.ts";
import { describeCommands, parseCommandText } from "#bots/command-text.ts";
import type { Intake, PostedPlace } from "#bots/intake.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { Now } from "#core/clock.ts";
import type { Score } from "#core/feedback.ts";
import type { Visibility } from "#core/scope.ts";
import { commandAnswers, type Respond, tellEphemerally } from "./command-answers.ts";
import { readCarried, readFields } from "./command-forms.ts";
import { isOnSlack, nameOfCallback, OWN_COMMAND } from "./command-names.ts";
import { msOf } from "./read-message.ts";
import { readEscaped } from "./read-mrkdwn.ts";
import { ACTIONS } from "./reply-blocks.ts";
import type { SlackFacts } from "./slack-facts.ts";
import type { SlackNotices } from "./slack-notices.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";

/** Slash commands, entries of a message's menu, forms and buttons. What Slack sends is parsed here. */
export interface SlackCommands {
  slash(workspace: SlackWorkspace, body: unknown, respond: Respond): Promise<void>;
  menu(workspace: SlackWorkspace, body: unknown, respond: Respond): Promise<void>;
  form(workspace: SlackWorkspace, body: unknown): Promise<void>;
  /** Resolves when a score is stored; runs a command for the other buttons. */
  button(workspace: SlackWorkspace, body: unknown, respond: Respond): Promise<void>;
}

export interface CommandParts {
  readonly intake: Intake;
  readonly settings: SettingsWatch;
  readonly facts: SlackFacts;
  readonly notices: SlackNotices;
  /** Ends the reply that a message belongs to. */
  readonly stop: (place: PostedPlace) => Promise<void>;
  readonly now: Now;
}

const slashSchema = z.object({
  command: z.string(),
  text: z.string().default(""),
  channel_id: z.string(),
  channel_name: z.string().default(""),
  user_id: z.string(),
  trigger_id: z.string(),
});
const messageSchema = z.object({ ts: z.string(), thread_ts: z.string().optional() });
const menuSchema = z.object({
  callback_id: z.string(),
  trigger_id: z.string(),
  user: z.object({ id: z.string() }),
  channel: z.object({ id: z.string(), name: z.string().optional() }),
  message: messageSchema,
});
const buttonSchema = z.object({
  trigger_id: z.string(),
  user: z.object({ id: z.string() }),
  channel: z.object({ id: z.string(), name: z.string().optional() }).optional(),
  container: z.object({ channel_id: z.string().optional(), thread_ts: z.string().optional() }).optional(),
  message: messageSchema.optional(),
  actions: z
    .array(z.object({ action_id: z.string(), value: z.string().optional(), action_ts: z.string().optional() }))
    .min(1),
});
const formSchema = z.object({
  user: z.object({ id: z.string() }),
  view: z.object({
    id: z.string(),
    private_metadata: z.string(),
    state: z.object({ values: z.unknown() }),
  }),
});

/** Where a call comes from, before its command is known. */
interface Caller {
  readonly callId: string;
  readonly channelId: string;
  readonly channelName?: string | undefined;
  readonly threadId?: string | undefined;
  readonly messageId?: string | undefined;
  readonly userId: string;
}

export function slackCommands(parts: CommandParts): SlackCommands {
  const { intake, facts, notices } = parts;
  const commands = () => intake.commands.filter(isOnSlack);
  const run = commandAnswers(parts);

  async function visibilityOf(workspace: SlackWorkspace, caller: Caller): Promise<Visibility> {
    const found = await facts.channel(workspace, caller.channelId);
    return found?.visibility ?? (caller.channelName === "directmessage" ? "direct" : "private");
  }

  async function callOf(
    workspace: SlackWorkspace,
    command: string,
    caller: Caller,
    options: ReadonlyMap<string, string>,
  ): Promise<CommandCall> {
    const { channelId, threadId, messageId, userId } = caller;
    const { workspaceId } = workspace;
    const visibility = await visibilityOf(workspace, caller);
    const settings = parts.settings.of({ platform: "slack", workspaceId });
    const [user, roles] = await Promise.all([
      facts.user(workspace, userId),
      facts.rolesOf(workspace, userId, settings),
    ]);
    return {
      command,
      platform: "slack",
      callId: caller.callId,
      workspaceId,
      channelId,
      ...(threadId === undefined ? {} : { threadId }),
      ...(messageId === undefined ? {} : { messageId }),
      visibility,
      userId,
      roles,
      isAdmin: user?.isAdmin === true || settings.adminRoles.some((role) => roles.includes(role)),
      options,
      atMs: parts.now(),
    };
  }

  /** Slack escapes what is typed: people, channels, links, and the characters of its own markup. */
  async function readTexts(
    workspace: SlackWorkspace,
    command: ChatCommand,
    options: ReadonlyMap<string, string>,
  ): Promise<ReadonlyMap<string, string>> {
    const read = new Map(options);
    for (const { name, kind } of command.options) {
      const value = options.get(name);
      if (kind !== "text" || value === undefined) continue;
      read.set(name, readEscaped(value, await facts.namesFor(workspace, value)));
    }
    return read;
  }

  /** For forms: Slack gives them no address to answer to. */
  const sayIn =
    (workspace: SlackWorkspace, call: CommandCall): Respond =>
    (message) =>
      notices.tellPerson(workspace, call, message);

  return {
    async slash(workspace, body, respond) {
      const given = slashSchema.parse(body);
      const typed = given.command.replace(/^\//, "");
      const isOwn = typed === OWN_COMMAND;
      const [, first = "", rest = ""] = /^\s*(\S*)\s*([\s\S]*)$/.exec(given.text) ?? [];
      const name = isOwn ? first.toLowerCase() || "help" : typed;
      const caller = {
        callId: `slack:${given.trigger_id}`,
        channelId: given.channel_id,
        channelName: given.channel_name,
        userId: given.user_id,
      };
      const command = commands().find((one) => one.name === name);
      if (command === undefined) {
        const { isAdmin } = await callOf(workspace, name, caller, new Map());
        const text = describeCommands(commands(), { isAdmin, prefix: `/${OWN_COMMAND} ` });
        return await tellEphemerally(respond, `There is no command "${name}" here.\n\n${text}`);
      }
      const parsed = parseCommandText(command, isOwn ? rest : given.text);
      if ("problem" in parsed) return await tellEphemerally(respond, parsed.problem);
      const options = await readTexts(workspace, command, parsed.options);
      await run(workspace, await callOf(workspace, name, caller, options), respond, given.trigger_id);
    },
    async menu(workspace, body, respond) {
      const { callback_id, trigger_id, user, channel, message } = menuSchema.parse(body);
      const caller = {
        callId: `slack:${trigger_id}`,
        channelId: channel.id,
        channelName: channel.name,
        threadId: message.thread_ts,
        messageId: message.ts,
        userId: user.id,
      };
      const call = await callOf(workspace, nameOfCallback(callback_id), caller, new Map());
      await run(workspace, call, respond, trigger_id);
    },
    async form(workspace, body) {
      const { user, view } = formSchema.parse(body);
      const carried = readCarried(view.private_metadata);
      if (carried === undefined) return;
      const { command, options, callId: _, ...place } = carried;
      const caller = { ...place, callId: `slack:${view.id}`, userId: user.id };
      const answers = new Map([...options, ...readFields(view.state.values)]);
      const call = { ...(await callOf(workspace, command, caller, answers)), isForm: true };
      await run(workspace, call, sayIn(workspace, call));
    },
    async button(workspace, body, respond) {
      const given = buttonSchema.parse(body);
      const [action] = given.actions;
      const channelId = given.channel?.id ?? given.container?.channel_id;
      if (action === undefined || channelId === undefined) return;
      const threadId = given.message?.thread_ts ?? given.container?.thread_ts;
      const caller = {
        callId: `slack:${given.trigger_id}`,
        channelId,
        channelName: given.channel?.name,
        threadId,
        messageId: given.message?.ts,
        userId: given.user.id,
      };
      if (action.action_id === ACTIONS.confirm) {
        const carried = readCarried(action.value);
        if (carried === undefined) return;
        const { command, options, callId: asked, ...place } = carried;
        // All presses on one button are one call, whichever processes are told of them.
        const callId = asked === undefined ? caller.callId : `${asked} confirmed`;
        const call = await callOf(workspace, command, { ...caller, ...place, callId }, new Map(options));
        return await run(
          workspace,
          call,
          (message) => respond({ ...message, replace_original: true }),
          given.trigger_id,
        );
      }
      const messageId = given.message?.ts;
      if (messageId === undefined) return;
      const { workspaceId } = workspace;
      const place = { workspaceId, channelId, messageId, ...(threadId === undefined ? {} : { threadId }) };
      if (action.action_id === ACTIONS.stop) {
        // Buttons of earlier versions do not tell who asked.
        const isTheirs = action.value === undefined || action.value === caller.userId;
        if (isTheirs || (await callOf(workspace, "stop", caller, new Map())).isAdmin) return await parts.stop(place);
        return await tellEphemerally(respond, "Only who asked, and admins, can stop this answer.");
      }
      if (action.action_id === ACTIONS.rate) {
        const score = scoreOf(action.value);
        if (score === undefined) return;
        const atMs = action.action_ts === undefined ? parts.now() : msOf(action.action_ts);
        return await intake.acceptFeedback({
          workspaceId,
          channelId,
          messageId,
          userId: given.user.id,
          source: "button",
          score,
          atMs,
        });
      }
      const name = action.action_id === ACTIONS.regenerate ? "regenerate" : "report";
      await run(workspace, await callOf(workspace, name, caller, new Map()), respond, given.trigger_id);
    },
  };
}

function scoreOf(value: string | undefined): Score | undefined {
  return value === "5" ? 5 : value === "1" ? 1 : undefined;
}
