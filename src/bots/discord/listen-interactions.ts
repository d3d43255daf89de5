import {
  type AutocompleteInteraction,
  type ButtonInteraction,
  Events,
  type Interaction,
  MessageFlags,
  type ModalSubmitInteraction,
} from "discord.js";
import type { CommandCall } from "#bots/chat-command.ts";
import { describeError } from "#core/errors.ts";
import { answerCall, FORM_AWAITED_MS, type InteractionParts, isTooLate } from "./answer-call.ts";
import { readCaller, readOptions } from "./command-call.ts";
import { type Press, parseCustomId } from "./custom-id.ts";
import type { Listening } from "./listening.ts";
import { menuLabel } from "./register-commands.ts";

const CHOICES_MAX = 25;
const CHOICE_CHARS_MAX = 100;
const NO_OPTIONS: ReadonlyMap<string, string> = new Map();

export function listenToInteractions(parts: InteractionParts, listening: Listening): void {
  parts.client.on(Events.InteractionCreate, (interaction) => {
    // Discord waits three seconds for an answer: a second try would come too late.
    listening.run("INTERACTION_CREATE", () => answer(parts, interaction).catch((error) => report(parts, error)));
  });
}

function report({ log }: InteractionParts, error: unknown): void {
  const fields = { reason: describeError(error) };
  if (isTooLate(error)) log.warn(fields, "discord.interaction-late");
  else log.error(fields, "discord.interaction-failed");
}

async function answer(parts: InteractionParts, interaction: Interaction): Promise<void> {
  if (interaction.isAutocomplete()) return await complete(parts, interaction);
  if (interaction.isChatInputCommand()) {
    const caller = await readCaller(parts, interaction);
    if (caller === undefined) return;
    const call = { ...caller, command: interaction.commandName, options: readOptions(interaction) };
    return await answerCall(parts, interaction, call);
  }
  if (interaction.isMessageContextMenuCommand()) {
    const command = parts.intake.commands.find(
      (known) => known.messageLabel !== undefined && menuLabel(known) === interaction.commandName,
    );
    const caller = await readCaller(parts, interaction);
    if (command === undefined || caller === undefined) return;
    const call = { ...caller, command: command.name, options: NO_OPTIONS, messageId: interaction.targetId };
    return await answerCall(parts, interaction, call);
  }
  if (interaction.isButton()) return await press(parts, interaction);
  if (interaction.isModalSubmit()) return await submit(parts, interaction);
}

async function complete({ intake, ...parts }: InteractionParts, interaction: AutocompleteInteraction): Promise<void> {
  const caller = await readCaller(parts, interaction);
  if (caller === undefined) return;
  const { name, value } = interaction.options.getFocused(true);
  const call: CommandCall = { ...caller, command: interaction.commandName, options: readOptions(interaction) };
  const choices = await intake.completeOption(call, name, String(value));
  await interaction.respond(
    choices.slice(0, CHOICES_MAX).map((choice) => ({
      name: choice.name.slice(0, CHOICE_CHARS_MAX),
      value: choice.value.slice(0, CHOICE_CHARS_MAX),
    })),
  );
}

async function press(parts: InteractionParts, interaction: ButtonInteraction): Promise<void> {
  const pressed = parseCustomId(interaction.customId);
  if (pressed !== undefined) return await pressUnderReply(parts, interaction, pressed);
  const carried = parts.carried.read(interaction.customId, interaction.user.id);
  if (carried === undefined) return await say(interaction, "This button is no longer in use. Call the command again.");
  const caller = await readCaller(parts, interaction);
  if (caller === undefined) return;
  const call = { ...caller, ...carried.call };
  if (carried.kind === "open") return await answerCall(parts, interaction, call, FORM_AWAITED_MS);
  // The button goes away with the press. Who was quick enough to press it twice made one call.
  await interaction.update({ components: [] });
  await answerCall(parts, interaction, { ...call, callId: `discord:press:${carried.pressId}` });
}

async function pressUnderReply(parts: InteractionParts, interaction: ButtonInteraction, pressed: Press): Promise<void> {
  const caller = await readCaller(parts, interaction);
  if (caller === undefined) return;
  const { workspaceId, channelId, threadId } = caller;
  const messageId = interaction.message.id;
  const place = { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }), messageId };
  if (pressed.action === "stop") {
    if (caller.userId !== pressed.askerId && !caller.isAdmin) {
      return await say(interaction, "Only who asked, and admins, can stop this answer.");
    }
    await interaction.deferUpdate();
    await parts.intake.stopReply(place);
    return;
  }
  if (pressed.action === "rate" && pressed.score !== undefined) {
    await parts.intake.acceptFeedback({
      workspaceId,
      channelId,
      messageId,
      userId: caller.userId,
      source: "button",
      score: pressed.score,
      atMs: caller.atMs,
    });
    return await say(interaction, `Thank you: you rated this reply ${pressed.score} of 5.`);
  }
  await answerCall(parts, interaction, { ...caller, command: pressed.action, options: NO_OPTIONS, messageId });
}

async function submit(parts: InteractionParts, interaction: ModalSubmitInteraction): Promise<void> {
  const carried = parts.carried.read(interaction.customId, interaction.user.id);
  if (carried === undefined) return await say(interaction, "This form is no longer in use. Call the command again.");
  const caller = await readCaller(parts, interaction);
  if (caller === undefined) return;
  const fields = new Map<string, string>();
  for (const field of interaction.fields.fields.values()) {
    if ("value" in field && typeof field.value === "string") fields.set(field.customId, field.value);
  }
  const options = new Map([...carried.call.options, ...fields]);
  await answerCall(parts, interaction, { ...caller, ...carried.call, options, isForm: true });
}

async function say(interaction: ButtonInteraction | ModalSubmitInteraction, content: string): Promise<void> {
  await interaction.reply({ content, flags: MessageFlags.Ephemeral });
}
