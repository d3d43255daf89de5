import type { types } from "@slack/bolt";
import type { ReplyAction, ReplyPart } from "#bots/platform-connector.ts";

/** `action_id` of what can be pressed. Slack sends it back with the message that it stands on. */
export const ACTIONS = {
  rate: "reactune_rate",
  stop: "reactune_stop",
  regenerate: "reactune_regenerate",
  report: "reactune_report",
  confirm: "reactune_confirm",
} as const;

/** Of a markdown block, and of all of one message together. */
export const MARKDOWN_CHARS_MAX = 12_000;

export function markdownBlock(text: string): types.MarkdownBlock {
  return { type: "markdown", text };
}

/** What can be pressed below a reply. */
export function actionBlocks({
  actions,
  isFinal,
  askerId,
}: Pick<ReplyPart, "actions" | "isFinal" | "askerId">): types.KnownBlock[] {
  const has = (action: ReplyAction) => actions.includes(action) && (action === "stop") !== isFinal;
  const buttons = [
    ...(has("stop") ? [button(ACTIONS.stop, "Stop", askerId)] : []),
    ...(has("regenerate") ? [button(ACTIONS.regenerate, "Regenerate")] : []),
    ...(has("report") ? [button(ACTIONS.report, "Report")] : []),
  ];
  return [
    ...(has("rate") ? [feedbackBlock] : []),
    ...(buttons.length === 0 ? [] : [{ type: "actions", elements: buttons } as const]),
  ];
}

const feedbackBlock: types.ContextActionsBlock = {
  type: "context_actions",
  elements: [
    {
      type: "feedback_buttons",
      action_id: ACTIONS.rate,
      positive_button: { text: plain("Good reply"), value: "5", accessibility_label: "This reply was good" },
      negative_button: { text: plain("Bad reply"), value: "1", accessibility_label: "This reply was bad" },
    },
  ],
};

function button(actionId: string, label: string, value?: string): types.Button {
  return { type: "button", action_id: actionId, text: plain(label), ...(value === undefined ? {} : { value }) };
}

export function plain(text: string): types.PlainTextElement {
  return { type: "plain_text", text };
}

export const REPLY_EVENT = "reactune_reply";
export const NOTICE_EVENT = "reactune_notice";

/** Written on every reply, so that one whose posting failed half-way is found again. Holds no words. */
export function replyMetadata({ turnId, part }: Pick<ReplyPart, "turnId" | "part">): types.MessageMetadata {
  return { event_type: REPLY_EVENT, event_payload: { turn_id: turnId, part } };
}
