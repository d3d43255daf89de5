import type { Platform, Visibility } from "./scope.ts";
import type { Arm } from "./service.ts";

/** One message of a user with the reply to it. */
export interface Turn {
  /** Derived from the platform's event id: answering an event twice writes the same turn. */
  readonly id: string;
  readonly conversationId: string;
  readonly platform: Platform;
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  readonly visibility: Visibility;
  readonly audience: string;
  /** Place in the conversation, from 0. */
  readonly position: number;
  readonly askerId: string;
  /** From 0, in the order in which people joined the conversation: how the model tells them apart. */
  readonly askerNumber?: number;
  /** Grows when the question is edited: the platform's time of the edit, Unix ms. 0: as it was first asked. */
  readonly revision: number;
  /** Other turns whose words were in the prompt: those shown as examples, then the history, oldest first. */
  readonly inputTurnIds: readonly string[];
  /** The turn that this one answers again (Regenerate). */
  readonly regenerationOf?: string;
  readonly question: string;
  readonly reply: string;
  readonly status: TurnStatus;
  readonly domain: DomainChoice;
  readonly arm: Arm;
  readonly provenance: Provenance;
  readonly messages: readonly TurnMessage[];
  readonly askedAtMs: number;
  readonly repliedAtMs?: number;
}

export type TurnStatus = "streaming" | "complete" | "failed" | "cancelled" | "superseded" | "deleted";

export interface DomainChoice {
  readonly domain: string;
  readonly by: "keywords" | "similarity" | "conversation" | "default";
  /** How sure the choice is, 0 to 1. */
  readonly score: number;
  /** For people: "words: refund, order". */
  readonly reason: string;
}

/** How a reply came to be. Durations in ms. */
export interface Provenance {
  readonly modelDigest: string;
  readonly modelName: string;
  readonly adapterDigest?: string;
  readonly systemPromptHash: string;
  /** Turns whose liked replies were shown to the model as examples, nearest first. */
  readonly exampleTurnIds?: readonly string[];
  readonly cache: CacheUse;
  /** How many images the question was about; they are kept nowhere. */
  readonly images?: number;
  readonly promptTokens: number;
  readonly replyTokens: number;
  readonly firstTokenMs?: number;
  readonly totalMs: number;
  /** Turns left out at the old end because the context was full. */
  readonly turnsCut: number;
  readonly endedBy: "stop" | "length" | "cancelled" | "cache" | "error";
}

export interface CacheUse {
  readonly hit: "exact" | "near" | "none";
  /** Why it did or did not answer: "follow-up question", "no near question", "numbers differ". */
  readonly reason: string;
  /** The turn whose reply was served again. */
  readonly sourceTurnId?: string;
  /** Cosine of the two questions, for a near hit. */
  readonly similarity?: number;
}

/** A post on the platform that belongs to a turn; any part of a long reply leads back to it. */
export interface TurnMessage {
  readonly messageId: string;
  readonly role: "question" | "reply";
  /** From 0. */
  readonly part: number;
}
