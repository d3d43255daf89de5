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
import type { NewId, Now } from "#core/clock.ts";
import { pendingCustomId } from "./custom-id.ts";

/** What waits for a press or for a form to be sent; Discord keeps only its name. */
export interface PendingCall {
  readonly call: CommandCall;
  /** The press opens this form. */
  readonly form?: CommandForm;
}

export interface PendingCalls {
  /** The id under which it is found. */
  keep(pending: PendingCall): string;
  find(id: string): PendingCall | undefined;
  drop(id: string): void;
}

const KEPT_MAX = 2000;
const KEPT_MS = 60 * 60_000;

/** Discord's limits of a form. */
const FIELDS_MAX = 5;
const TITLE_CHARS_MAX = 45;
const VALUE_CHARS_MAX = 4000;

export function createPendingCalls(now: Now, newId: NewId): PendingCalls {
  const kept = new Map<string, PendingCall & { readonly untilMs: number }>();
  return {
    keep(pending) {
      const id = newId();
      kept.set(id, { ...pending, untilMs: now() + KEPT_MS });
      for (const oldest of kept.keys()) {
        if (kept.size <= KEPT_MAX) break;
        kept.delete(oldest);
      }
      return id;
    },
    // A form can be opened, closed and opened again: it stays for its time.
    find(id) {
      const found = kept.get(id);
      return found === undefined || found.untilMs < now() ? undefined : found;
    },
    drop(id) {
      kept.delete(id);
    },
  };
}

export async function showForm(
  pending: PendingCalls,
  interaction: ChatInputCommandInteraction | MessageContextMenuCommandInteraction | ButtonInteraction,
  call: CommandCall,
  form: CommandForm,
): Promise<void> {
  const modal = new ModalBuilder()
    .setCustomId(pendingCustomId(pending.keep({ call })))
    .setTitle(form.title.slice(0, TITLE_CHARS_MAX));
  for (const field of form.fields.slice(0, FIELDS_MAX)) {
    const charsMax = Math.min(field.charsMax, VALUE_CHARS_MAX);
    const input = new TextInputBuilder()
      .setCustomId(field.name)
      .setStyle(field.isLong ? TextInputStyle.Paragraph : TextInputStyle.Short)
      .setRequired(field.isRequired)
      .setMaxLength(charsMax);
    if (field.value !== undefined && field.value !== "") input.setValue(field.value.slice(0, charsMax));
    modal.addLabelComponents(
      new LabelBuilder().setLabel(field.label.slice(0, TITLE_CHARS_MAX)).setTextInputComponent(input),
    );
  }
  await interaction.showModal(modal);
}
