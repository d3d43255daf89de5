import { cleanText, controlRatio } from "#core/clean-text.ts";
import type { Now } from "#core/clock.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { RateLimiter } from "#store/rate-limiter.ts";

export interface MessageLimits {
  readonly messageMaxChars: number;
  readonly messagesPerMinuteMax: number;
}

export type CheckedMessage =
  | { readonly isAccepted: true; readonly question: string }
  /** `notice` is for the person: never silence. */
  | {
      readonly isAccepted: false;
      readonly reason: "empty" | "binary" | "too-long" | "too-often";
      readonly notice: string;
    };

/** More than this share of control characters is a file, not a question. */
const CONTROL_RATIO_MAX = 0.1;

/** May this text be asked? Deterministic but for the rate limit. */
export async function checkMessage(
  message: IncomingMessage,
  limits: MessageLimits,
  rateLimiter: RateLimiter,
  now: Now,
): Promise<CheckedMessage> {
  const refused = refuseText(message.text, limits.messageMaxChars);
  if (refused !== undefined) return refused;

  const key = `message:${message.workspaceId}:${message.userId}`;
  const taken = await rateLimiter.take(key, limits.messagesPerMinuteMax, 60_000, now());
  if (!taken.isAllowed) {
    const seconds = Math.ceil(taken.retryAfterMs / 1000);
    return {
      isAccepted: false,
      reason: "too-often",
      notice: `That was a lot at once. Please ask again in ${seconds} seconds.`,
    };
  }
  return { isAccepted: true, question: cleanText(message.text) };
}

/** The part of the check that needs nothing but the text; pages call it before they send. */
export function refuseText(
  text: string,
  messageMaxChars: number,
): Extract<CheckedMessage, { isAccepted: false }> | undefined {
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
