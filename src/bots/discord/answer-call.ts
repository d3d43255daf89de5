import {
  AttachmentBuilder,
  type ButtonInteraction,
  ButtonStyle,
  type ChatInputCommandInteraction,
  ComponentType,
  type InteractionReplyOptions,
  type MessageContextMenuCommandInteraction,
  MessageFlags,
  type ModalSubmitInteraction,
  RESTJSONErrorCodes,
} from "discord.js";
import type { CommandCall, CommandForm, CommandReply } from "#bots/chat-command.ts";
import { describeError } from "#core/errors.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { CarriedCalls } from "./carried-calls.ts";
import { canWriteItself } from "./command-call.ts";
import type { ListeningParts } from "./discord-parts.ts";
import type { OpenThreads } from "./open-threads.ts";
import { isDiscordError } from "./refusals.ts";
import { renderMessages } from "./render-markdown.ts";
import type { Row } from "./reply-components.ts";
import { showForm } from "./show-form.ts";
import type { UserCalls } from "./user-calls.ts";

export interface InteractionParts extends ListeningParts {
  readonly carried: CarriedCalls;
  readonly threads: OpenThreads;
  readonly userCalls: UserCalls;
}

export type Callable =
  | ChatInputCommandInteraction
  | MessageContextMenuCommandInteraction
  | ButtonInteraction
  | ModalSubmitInteraction;

/** Discord waits three seconds; a form can only be shown instead of a sign that somebody is at work. */
const SIGN_OF_LIFE_AFTER_MS = 1500;
/** Where a form is all that is waited for. */
export const FORM_AWAITED_MS = 2300;
const BUTTON_CHARS_MAX = 80;

/** Runs a command and shows its reply: to the caller alone, unless it is for everyone. */
export async function answerCall(
  parts: InteractionParts,
  interaction: Callable,
  call: CommandCall,
  signOfLifeAfterMs = SIGN_OF_LIFE_AFTER_MS,
): Promise<void> {
  const running = parts.intake.runCommand(call).catch((error: unknown): CommandReply => {
    parts.log.error({ command: call.command, reason: describeError(error) }, "discord.command-failed");
    return { text: "That did not work. The reason stands in the log of the program." };
  });
  const inTime = await Promise.race([running, delay(signOfLifeAfterMs)]);
  if (inTime === undefined && !interaction.replied) await interaction.deferReply({ flags: MessageFlags.Ephemeral });
  const reply = inTime ?? (await running);
  // Discord tells every process that uses the token, and takes one answer.
  if (reply.isRepeat === true) return;

  if (reply.form !== undefined && (await offerForm(parts, interaction, call, reply.form))) return;
  if (reply.ask !== undefined) return await ask(parts, interaction, call, reply, reply.ask.question);
  await show(interaction, messagesOf(parts, call, reply), reply.isPublic === true);
}

/** False when the call is too long to travel with its form: the reply's text says how to do without. */
async function offerForm(
  { carried }: InteractionParts,
  interaction: Callable,
  call: CommandCall,
  form: CommandForm,
): Promise<boolean> {
  if (!interaction.deferred && !interaction.replied && !interaction.isModalSubmit()) {
    return await showForm(carried, interaction, call, form);
  }
  // A press is a new interaction, which may show a form: the command is asked for it again.
  const customId = carried.write("open", call, call.options);
  if (customId === undefined) return false;
  const open = button("Open the form", customId);
  await show(interaction, [{ content: "The form is ready.", components: [open] }], false);
  return true;
}

/** The interaction came too late, or was answered before: nothing can be shown any more. */
export function isTooLate(error: unknown): boolean {
  return isDiscordError(
    error,
    RESTJSONErrorCodes.UnknownInteraction,
    RESTJSONErrorCodes.InteractionHasAlreadyBeenAcknowledged,
    RESTJSONErrorCodes.InvalidWebhookToken,
    RESTJSONErrorCodes.UnknownWebhook,
  );
}

/** The question stands in public as a message of ours; what answers it is an ordinary reply. */
async function ask(
  parts: InteractionParts,
  interaction: Callable,
  call: CommandCall,
  reply: CommandReply,
  question: string,
): Promise<void> {
  const messageId = await show(interaction, messagesOf(parts, call, reply), true);
  if (!canWriteItself(interaction)) parts.userCalls.add(messageId, parts.userCalls.open(interaction));
  const { workspaceId, channelId, visibility, userId } = call;
  const threadId = call.threadId ?? planThread(parts, call, messageId, question);
  const message: IncomingMessage = {
    platform: "discord",
    workspaceId,
    channelId,
    ...(threadId === undefined ? {} : { threadId }),
    visibility,
    userId,
    messageId,
    text: question,
    sentAtMs: call.atMs,
  };
  await parts.intake.acceptMessage(`discord:${messageId}`, message);
}

function planThread(parts: InteractionParts, call: CommandCall, messageId: string, text: string): string | undefined {
  const { workspaceId, channelId, visibility } = call;
  if (visibility === "direct") return undefined;
  const { openThreads } = parts.settings.of({ platform: "discord", workspaceId, channelId, visibility });
  return openThreads ? parts.threads.planFor({ id: messageId, channelId, text }) : undefined;
}

type Shown = Pick<InteractionReplyOptions, "content" | "files"> & { readonly components?: readonly Row[] };

function messagesOf(parts: InteractionParts, call: CommandCall, reply: CommandReply): readonly Shown[] {
  const texts = renderMessages(reply.text);
  const files: AttachmentBuilder[] = [];
  if (reply.image !== undefined) {
    const { png, name, alt } = reply.image;
    files.push(new AttachmentBuilder(Buffer.from(png), { name, description: alt.slice(0, 1024) }));
  }
  if (reply.file !== undefined) {
    files.push(new AttachmentBuilder(Buffer.from(reply.file.contents), { name: reply.file.name }));
  }
  const components: Row[] = [];
  if (reply.confirm !== undefined) {
    const customId = parts.carried.write("confirm", call, new Map([...call.options, ...reply.confirm.options]));
    // Else the text says what to call.
    if (customId !== undefined) components.push(button(reply.confirm.label, customId, ButtonStyle.Danger));
  }
  const shown: Shown[] = texts.map((content) => ({ content }));
  const last = shown.pop() ?? (files.length === 0 ? { content: "Done." } : {});
  return [...shown, { ...last, ...(files.length === 0 ? {} : { files }), components }];
}

/** The id of the first message. What was deferred is the caller's alone for ever: what is public comes beside it. */
async function show(interaction: Callable, messages: readonly Shown[], isPublic: boolean): Promise<string> {
  const flags = isPublic
    ? (MessageFlags.SuppressEmbeds as const)
    : ([MessageFlags.Ephemeral, MessageFlags.SuppressEmbeds] as const);
  let first: string | undefined;
  for (const [index, { components = [], ...message }] of messages.entries()) {
    const body = { ...message, components, allowedMentions: { parse: [] as const, repliedUser: false } };
    if (index > 0 || (interaction.deferred && isPublic)) {
      if (index === 0) await interaction.editReply({ content: "Done: see below." });
      const { id } = await interaction.followUp({ ...body, flags });
      first ??= id;
    } else if (interaction.deferred) {
      const { id } = await interaction.editReply({ ...body, flags: MessageFlags.SuppressEmbeds });
      first = id;
    } else if (interaction.replied) {
      const { id } = await interaction.followUp({ ...body, flags });
      first = id;
    } else {
      const answer = await interaction.reply({ ...body, flags, withResponse: true });
      first = answer.resource?.message?.id;
    }
  }
  if (first === undefined) throw new Error("Cannot show a reply: Discord told no message");
  return first;
}

function button(label: string, customId: string, style: 1 | 4 = ButtonStyle.Primary): Row {
  return {
    type: ComponentType.ActionRow,
    components: [
      {
        type: ComponentType.Button,
        style,
        label: label.slice(0, BUTTON_CHARS_MAX),
        custom_id: customId,
      },
    ],
  };
}

function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}
