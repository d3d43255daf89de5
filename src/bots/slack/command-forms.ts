import type { types } from "@slack/bolt";
import { z } from "zod";
import type { CommandCall, CommandField, CommandForm } from "#bots/chat-command.ts";
import { cutAt, fallbackText, renderMarkdown } from "./render-markdown.ts";
import { ACTIONS, markdownBlock, plain } from "./reply-blocks.ts";

export const FORM_CALLBACK = "reactune_form";
const TITLE_CHARS_MAX = 24;
const INPUT_CHARS_MAX = 3000;
/** Slack's limits of what travels with a view and with a button. */
const METADATA_CHARS_MAX = 3000;
const VALUE_CHARS_MAX = 2000;
const MESSAGE_CHARS_MAX = 11_000;

/** What of a call has to come back with its form or its confirmation. */
const carriedSchema = z.object({
  command: z.string(),
  /** Of the call that goes on; older messages carry none. */
  callId: z.string().optional(),
  channelId: z.string(),
  threadId: z.string().optional(),
  messageId: z.string().optional(),
  options: z.array(z.tuple([z.string(), z.string()])),
});

export type CarriedCall = z.infer<typeof carriedSchema>;

export function carry(call: CommandCall, added: ReadonlyMap<string, string> = new Map()): string {
  const carried: CarriedCall = {
    command: call.command,
    callId: call.callId,
    channelId: call.channelId,
    ...(call.threadId === undefined ? {} : { threadId: call.threadId }),
    ...(call.messageId === undefined ? {} : { messageId: call.messageId }),
    options: [...call.options, ...added],
  };
  return JSON.stringify(carried);
}

/** Undefined when it was not written by `carry`. */
export function readCarried(text: string | undefined): CarriedCall | undefined {
  try {
    return carriedSchema.safeParse(JSON.parse(text ?? "")).data;
  } catch {
    return undefined;
  }
}

/** Undefined when the call is too long to travel with the form. */
export function formView(call: CommandCall, form: CommandForm): types.ModalView | undefined {
  const metadata = carry(call);
  if (metadata.length > METADATA_CHARS_MAX) return undefined;
  return {
    type: "modal",
    callback_id: FORM_CALLBACK,
    private_metadata: metadata,
    title: plain(cutAt(form.title, TITLE_CHARS_MAX)),
    submit: plain("Send"),
    close: plain("Cancel"),
    blocks: form.fields.map(inputBlock),
  };
}

function inputBlock(field: CommandField): types.InputBlock {
  const charsMax = Math.min(field.charsMax, INPUT_CHARS_MAX);
  return {
    type: "input",
    block_id: field.name,
    optional: !field.isRequired,
    label: plain(cutAt(field.label, 2000)),
    element: {
      type: "plain_text_input",
      action_id: field.name,
      multiline: field.isLong,
      max_length: charsMax,
      ...(field.value === undefined ? {} : { initial_value: cutAt(field.value, charsMax) }),
    },
  };
}

const stateSchema = z.record(z.string(), z.record(z.string(), z.object({ value: z.string().nullish() })));

/** What was filled in, by field name. */
export function readFields(values: unknown): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [name, inputs] of Object.entries(stateSchema.safeParse(values).data ?? {})) {
    const value = inputs[name]?.value;
    if (value) fields.set(name, value);
  }
  return fields;
}

export interface SlackText {
  readonly text: string;
  readonly blocks: types.KnownBlock[];
}

/** A text as Slack messages: as many as its length needs, broken at ends of lines. */
export function textMessages(markdown: string): SlackText[] {
  const messages: SlackText[] = [];
  for (let rest = renderMarkdown(markdown); rest !== "" || messages.length === 0; ) {
    const part = rest.length <= MESSAGE_CHARS_MAX ? rest : cutAtLine(rest);
    messages.push({ text: fallbackText(part) || "…", blocks: [markdownBlock(part || "…")] });
    rest = rest.slice(part.length);
  }
  return messages;
}

function cutAtLine(text: string): string {
  const part = cutAt(text, MESSAGE_CHARS_MAX);
  const end = part.lastIndexOf("\n");
  return end > 0 ? part.slice(0, end + 1) : part;
}

/** Undefined when the call is too long to travel with the button. */
export function confirmBlock(
  call: CommandCall,
  label: string,
  options: ReadonlyMap<string, string>,
): types.ActionsBlock | undefined {
  const value = carry(call, options);
  if (value.length > VALUE_CHARS_MAX) return undefined;
  const text = plain(cutAt(label, 75));
  return { type: "actions", elements: [{ type: "button", action_id: ACTIONS.confirm, style: "danger", text, value }] };
}
