import {
  type ButtonInteraction,
  type ChatInputCommandInteraction,
  LabelBuilder,
  type MessageContextMenuCommandInteraction,
  ModalBuilder,
  TextInputBuilder,
  TextInputStyle,
} from "discord.js";
import type { CommandCall, CommandForm } from "#bots/chat-command.ts";
import type { CarriedCalls } from "./carried-calls.ts";

/** Discord's limits of a form. */
const FIELDS_MAX = 5;
const TITLE_CHARS_MAX = 45;
const VALUE_CHARS_MAX = 4000;

/** False when the call is too long to come back with its form. */
export async function showForm(
  carried: CarriedCalls,
  interaction: ChatInputCommandInteraction | MessageContextMenuCommandInteraction | ButtonInteraction,
  call: CommandCall,
  form: CommandForm,
): Promise<boolean> {
  const fields = form.fields.slice(0, FIELDS_MAX);
  // What was typed for a field stands in the field and comes back with it.
  const others = [...call.options].filter(([name]) => fields.every((field) => field.name !== name));
  const customId = carried.write("form", call, new Map(others));
  if (customId === undefined) return false;
  const modal = new ModalBuilder().setCustomId(customId).setTitle(form.title.slice(0, TITLE_CHARS_MAX));
  for (const field of fields) {
    const charsMax = Math.min(field.charsMax, VALUE_CHARS_MAX);
    const input = new TextInputBuilder()
      .setCustomId(field.name)
      .setStyle(field.isLong ? TextInputStyle.Paragraph : TextInputStyle.Short)
      .setRequired(field.isRequired)
      .setMaxLength(charsMax);
    const value = call.options.get(field.name) ?? field.value ?? "";
    if (value !== "") input.setValue(value.slice(0, charsMax));
    modal.addLabelComponents(
      new LabelBuilder().setLabel(field.label.slice(0, TITLE_CHARS_MAX)).setTextInputComponent(input),
    );
  }
  await interaction.showModal(modal);
  return true;
}
