import { cleanText, controlRatio } from "#core/clean-text.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { RateLimiter } from "#store/rate-limiter.ts";
import type { PlaceSettings } from "./place-settings.ts";

export type MessageLimits = Pick<
  PlaceSettings,
  | "messageMaxChars"
  | "messagesPerMinuteMax"
  | "channelMessagesPerMinuteMax"
  | "workspaceMessagesPerMinuteMax"
  | "isPaused"
>;

export type CheckedMessage = { readonly isAccepted: true; readonly question: string } | RefusedMessage;

export interface RefusedMessage {
  readonly isAccepted: false;
  readonly reason: "empty" | "binary" | "too-long" | "too-often" | "paused";
  /** For the person. Undefined when a flood has been told already: one word a window, not one a message. */
  readonly notice?: string;
}

export interface RefusedText extends RefusedMessage {
  readonly reason: "empty" | "binary" | "too-long";
  readonly notice: string;
}

/** More than this share of control characters is a file, not a question. */
const CONTROL_RATIO_MAX = 0.1;
const WINDOW_MS = 60_000;

/** May this message be asked, here and now? A message with files may have no words of its own. */
export async function checkMessage(
  message: IncomingMessage,
  limits: MessageLimits,
  rateLimiter: RateLimiter,
  nowMs: number,
): Promise<CheckedMessage> {
  if (limits.isPaused)
    return { isAccepted: false, reason: "paused", notice: "An admin has paused me. I read no messages." };
  const refused = refuseText(message.text, limits.messageMaxChars);
  const hasFiles = message.attachments !== undefined && message.attachments.length > 0;
  if (refused !== undefined && !(refused.reason === "empty" && hasFiles)) return refused;
  return (
    (await limitRate(message, limits, rateLimiter, nowMs)) ?? { isAccepted: true, question: cleanText(message.text) }
  );
}

/** The part of the check that needs nothing but the text; pages call it before they send. */
export function refuseText(text: string, messageMaxChars: number): RefusedText | undefined {
  if (text.length > messageMaxChars) {
    const notice = `Your message has ${text.length} characters; the limit is ${messageMaxChars}. Please shorten it or split it up.`;
    return { isAccepted: false, reason: "too-long", notice };
  }
  if (controlRatio(text) > CONTROL_RATIO_MAX) {
    return { isAccepted: false, reason: "binary", notice: "That looks like a binary file. Please send text." };
  }
  if (cleanText(text) === "") {
    return { isAccepted: false, reason: "empty", notice: "Your message was empty. Ask me anything." };
  }
  return undefined;
}

interface RateRule {
  readonly key: string;
  readonly points: number;
  /** Whom the notice reaches, who therefore need it once. */
  readonly toldKey: string;
  readonly notice: (seconds: number) => string;
}

/** The person's own limit first, so that a flood of one takes little of what the channel and the workspace have. */
async function limitRate(
  message: IncomingMessage,
  limits: MessageLimits,
  rateLimiter: RateLimiter,
  nowMs: number,
): Promise<RefusedMessage | undefined> {
  for (const { key, points, toldKey, notice } of rateRules(message, limits)) {
    const { isAllowed, retryAfterMs } = await rateLimiter.take(key, points, WINDOW_MS, nowMs);
    if (isAllowed) continue;
    const told = await rateLimiter.take(`told:${toldKey}`, 1, retryAfterMs, nowMs);
    // A page of the local platform waits for the answer to each question.
    const isSilent = !told.isAllowed && message.platform !== "local";
    return {
      isAccepted: false,
      reason: "too-often",
      ...(isSilent ? {} : { notice: notice(Math.ceil(retryAfterMs / 1000)) }),
    };
  }
  return undefined;
}

function rateRules(message: IncomingMessage, limits: MessageLimits): readonly RateRule[] {
  const { workspaceId, channelId, userId } = message;
  const person = JSON.stringify(["person", workspaceId, userId]);
  const channel = JSON.stringify(["channel", workspaceId, channelId]);
  const workspace = JSON.stringify(["workspace", workspaceId]);
  return [
    {
      key: person,
      points: limits.messagesPerMinuteMax,
      toldKey: person,
      notice: (seconds) => `That was a lot at once. Please ask again in ${seconds} seconds.`,
    },
    {
      key: channel,
      points: limits.channelMessagesPerMinuteMax,
      toldKey: channel,
      notice: (seconds) => `This channel asks a lot at once. Please ask again in ${seconds} seconds.`,
    },
    {
      key: workspace,
      points: limits.workspaceMessagesPerMinuteMax,
      toldKey: JSON.stringify([workspace, channel]),
      notice: (seconds) => `Many people ask me at once. Please ask again in ${seconds} seconds.`,
    },
  ];
}
