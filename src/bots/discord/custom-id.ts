import { hash } from "node:crypto";
import type { ReplyAction } from "#bots/platform-connector.ts";
import type { Score } from "#core/feedback.ts";

/** What a press on a button under a reply means; it comes back from Discord as it was sent, at most 100 characters. */
export interface Press {
  readonly action: ReplyAction;
  readonly score?: Score;
  readonly askerId: string;
}

const REPLY = /^reply:(stop|rate|regenerate|report):([1-5]?):([^:]*):[\w-]+$/;

/** A part of a turn, in at most 25 characters: Discord posts a nonce once, however often it is sent. */
export function partKey(turnId: string, part: number): string {
  return hash("sha256", `${turnId}\n${part}`, "base64url").slice(0, 25);
}

export function replyCustomId(action: ReplyAction, score: Score | undefined, askerId: string, key: string): string {
  return `reply:${action}:${score ?? ""}:${askerId}:${key}`;
}

/** The key of the part that a component stands under. */
export function keyOfCustomId(customId: string): string | undefined {
  return REPLY.test(customId) ? customId.slice(customId.lastIndexOf(":") + 1) : undefined;
}

export function parseCustomId(customId: string): Press | undefined {
  const found = REPLY.exec(customId);
  if (found === null) return undefined;
  const [, action, score, askerId] = found;
  if (!isReplyAction(action) || askerId === undefined) return undefined;
  const scored = scoreOf(score);
  return { action, askerId, ...(scored === undefined ? {} : { score: scored }) };
}

function isReplyAction(action: string | undefined): action is ReplyAction {
  return action === "stop" || action === "rate" || action === "regenerate" || action === "report";
}

function scoreOf(text: string | undefined): Score | undefined {
  return ([1, 2, 3, 4, 5] as const).find((score) => String(score) === text);
}
