import type { Conversation } from "#core/conversation.ts";
import type { Feedback } from "#core/feedback.ts";
import type { UserChoice } from "#core/people.ts";
import type { Report } from "#core/report.ts";
import type { Turn } from "#core/turn.ts";

/**
 * Port: showing people their data, and deleting it. Erasing a turn empties its question, reply and title, sets its status to
 * `deleted`, and removes its feedback, vectors, inbox text, what people said in reports of it, and the cache entries made from it;
 * ids and times stay for the counts, which are kept up to date. What is erased never comes back through a later save: not of the same
 * turn, and not of one that was asked before its person or place was erased and is stored only now. An event that was not answered
 * yet is done. Long erasures are many short writes; one that was cut short is taken up again by `resumeErasures`.
 */
export interface PrivacyStore {
  /** Everything kept about one person in one workspace, oldest first. */
  exportPerson(workspaceId: string, userId: string): Promise<PersonData>;
  /**
   * Erases their turns and their feedback (scores, comments, corrections, agreement, reasons of reports), and records the deletion.
   * With them go other people's turns that repeat theirs (from the cache, regenerated) or had theirs, or an answer that they
   * taught, in the prompt. Their choice about learning stays.
   */
  erasePerson(workspaceId: string, userId: string, nowMs: number): Promise<Erased>;
  /** Erases this one turn; a question that was edited or answered again has several. */
  eraseTurn(turnId: string): Promise<Erased>;
  /**
   * Erases what was said in a channel, with its reports; or in the whole workspace, with its settings, permission, choices, reports,
   * installations, and the marks and cursors that name it.
   */
  erasePlace(place: { readonly workspaceId: string; readonly channelId?: string }, nowMs: number): Promise<Erased>;
  /** Erases up to `limit` turns of one workspace asked before `beforeMs`: retention. */
  eraseBefore(workspaceId: string, beforeMs: number, limit: number): Promise<Erased>;
  /** Ends what a kill or a failure left half erased; to be called at every start. */
  resumeErasures(): Promise<Erased>;
  /** Workspaces that have at least one turn that is not erased. */
  listWorkspaces(): Promise<readonly string[]>;
}

export interface PersonData {
  readonly turns: readonly Turn[];
  readonly conversations: readonly Conversation[];
  readonly feedback: readonly Feedback[];
  readonly reports: readonly Report[];
  readonly choice?: UserChoice;
}

export interface Erased {
  /** Turns that lost their text or a taught answer: the caller withdraws adapters that learned from them. */
  readonly turnIds: readonly string[];
  readonly feedback: number;
}
