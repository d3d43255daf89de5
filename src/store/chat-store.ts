import type { Conversation } from "#core/conversation.ts";
import type { Feedback, FeedbackChange } from "#core/feedback.ts";
import type { Delivery, InboxEvent, IncomingMessage } from "#core/inbox.ts";
import type { Platform } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";

/**
 * Port: what was asked, answered and thought of it. Every write survives `kill -9` when its promise resolves, and a power cut too, but for
 * what is found again after one: events accepted with `isReadAgain`, and the end of those that an answer finishes.
 */
export interface ChatStore {
  /** False when an event of this id was accepted before: the caller then does nothing. With `claim` the caller holds it at once. */
  acceptEvent(id: string, message: IncomingMessage, nowMs: number, claim?: AcceptClaim): Promise<boolean>;
  /**
   * The oldest received event, or one whose lease ran out; `eventId` asks for that one only, `platforms` for events of
   * those only. Never the same to two callers.
   */
  claimEvent(claim: EventClaim): Promise<InboxEvent | undefined>;
  finishEvent(id: string): Promise<void>;
  /**
   * Moves the end of a lease. False, and nothing changes, when this process does not hold the event: it is done, or another one
   * claimed it when the lease had run out.
   */
  renewEvent(id: string, claimedBy: string, leaseUntilMs: number): Promise<boolean>;
  /**
   * Deletes up to `limit` events that are done and were received before `beforeMs`, oldest first; returns how many. A later delivery of
   * one of them is taken for new: `beforeMs` must lie further back than any platform delivers again.
   */
  pruneEvents(beforeMs: number, limit: number): Promise<number>;

  saveConversation(conversation: Conversation): Promise<void>;
  findConversation(id: string): Promise<Conversation | undefined>;
  /** The newest conversation of this place that is not closed. */
  findOpenConversation(place: ConversationPlace): Promise<Conversation | undefined>;
  /** Newest first. */
  listConversations(query: ConversationQuery): Promise<readonly Conversation[]>;

  /** Inserts or replaces by id; keeps counts for readiness up to date. What was erased stays without words. */
  saveTurn(turn: Turn): Promise<void>;
  findTurn(id: string): Promise<Turn | undefined>;
  /** The newest that stands, else the newest superseded, else the newest deleted one. */
  findTurnByMessage(workspaceId: string, channelId: string, messageId: string): Promise<Turn | undefined>;
  /** Oldest first, at most `limit` of the newest; deleted and superseded turns are left out. */
  listHistory(conversationId: string, limit: number): Promise<readonly Turn[]>;
  /** Complete turns of a platform whose reply is newer than `sinceMs`: what reactions given meanwhile are looked up for. Newest first. */
  listRecentReplies(platform: Platform, sinceMs: number, limit: number): Promise<readonly Turn[]>;

  /**
   * Merges by `mergeFeedback`, atomically, and keeps counts for readiness up to date. Changes nothing when the person was erased
   * after the event. Rejects with TurnUnknownError when the turn is not stored or was erased.
   */
  putFeedback(change: FeedbackChange): Promise<Feedback>;
  listFeedback(turnId: string): Promise<readonly Feedback[]>;

  saveDelivery(delivery: Delivery): Promise<void>;
  listDeliveries(turnId: string): Promise<readonly Delivery[]>;

  /**
   * What belongs together in an answer, each as by its own method. Where the technology writes several records at once it is one write,
   * all of it or nothing; elsewhere they are written in the order of the fields, and a kill leaves the first ones.
   */
  saveAnswer(records: AnswerRecords): Promise<void>;
}

export interface AnswerRecords {
  readonly conversation?: Conversation;
  readonly turn?: Turn;
  readonly delivery?: Delivery;
  /** Events that end with it. */
  readonly finishedEventIds?: readonly string[];
}

export interface AcceptClaim extends Pick<EventClaim, "claimedBy" | "leaseMs"> {
  /** The platform is read again after a power cut, so that nobody needs to wait until the event survives one. */
  readonly isReadAgain?: boolean;
}

export interface EventClaim {
  readonly eventId?: string;
  /** All platforms when not given. */
  readonly platforms?: readonly Platform[];
  readonly claimedBy: string;
  readonly nowMs: number;
  readonly leaseMs: number;
}

export interface ConversationPlace {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
}

export interface ConversationQuery {
  readonly workspaceId: string;
  readonly channelId?: string;
  /** Only conversations whose last turn is older. */
  readonly beforeMs?: number;
  readonly limit: number;
}
