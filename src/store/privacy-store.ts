import type { Conversation } from "#core/conversation.ts";
import type { Feedback } from "#core/feedback.ts";
import type { UserChoice } from "#core/people.ts";
import type { Turn } from "#core/turn.ts";

/**
 * Port: showing people their data, and deleting it. Erasing a turn empties its question, reply and title, sets its status to
 * `deleted`, and removes its feedback, vectors, deliveries' texts, inbox text and the cache entries made from it; ids and times stay
 * for the counts, which are kept up to date. What is erased never comes back through a later save of the same turn.
 */
export interface PrivacyStore {
  /** Everything kept about one person in one workspace, oldest first. */
  exportPerson(workspaceId: string, userId: string): Promise<PersonData>;
  /** Erases their turns and their feedback (scores, comments, corrections), and records the deletion. */
  erasePerson(workspaceId: string, userId: string, nowMs: number): Promise<Erased>;
  /** Erases one turn. */
  eraseTurn(turnId: string): Promise<Erased>;
  /** Erases what was said in a channel, or in the whole workspace with its settings, permission, reports and installations. */
  erasePlace(place: { readonly workspaceId: string; readonly channelId?: string }, nowMs: number): Promise<Erased>;
  /** Erases up to `limit` turns of one workspace asked before `beforeMs`: retention. */
  eraseBefore(workspaceId: string, beforeMs: number, limit: number): Promise<Erased>;
  /** Workspaces that have at least one turn that is not erased. */
  listWorkspaces(): Promise<readonly string[]>;
}

export interface PersonData {
  readonly turns: readonly Turn[];
  readonly conversations: readonly Conversation[];
  readonly feedback: readonly Feedback[];
  readonly choice?: UserChoice;
}

export interface Erased {
  /** Turns that lost their text, the caller withdraws adapters that learned from them. */
  readonly turnIds: readonly string[];
  readonly feedback: number;
}
