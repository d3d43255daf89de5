import type { Now } from "#core/clock.ts";
import type { PostedPlace, QuestionEdit } from "./intake.ts";

/**
 * Platforms deliver the events of one message late, twice and in any order. Here they are taken one after another, and what comes
 * before the message itself is kept for it: that it is gone, and its newer words.
 */
export interface MessageOrder {
  /** Runs `act` when what came before for the same message has ended. */
  inTurn<T>(message: MessagePlace, act: () => Promise<T>): Promise<T>;
  noteDeleted(message: MessagePlace): void;
  isDeleted(message: MessagePlace): boolean;
  /** False when a newer edit of the same message was seen before. */
  isNewestEdit(edit: QuestionEdit): boolean;
  /** Of a message that has not come yet. */
  keepEdit(edit: QuestionEdit): void;
  takeEdit(message: MessagePlace): QuestionEdit | undefined;
}

type MessagePlace = Pick<PostedPlace, "workspaceId" | "channelId" | "messageId">;

/** Slack delivers again for about six minutes, Discord within seconds. */
const KEPT_MS = 10 * 60_000;
const DELETED_MAX = 10_000;
const EDITED_MAX = 10_000;
/** These hold words, mostly of messages that are none of the bot's business. */
const EARLY_EDITS_MAX = 500;

export function createMessageOrder(now: Now): MessageOrder {
  const underWay = new Map<string, Promise<unknown>>();
  const deleted = forgetfulMap<true>(DELETED_MAX, now);
  const editedAtMs = forgetfulMap<number>(EDITED_MAX, now);
  const earlyEdits = forgetfulMap<QuestionEdit>(EARLY_EDITS_MAX, now);

  return {
    async inTurn(message, act) {
      const key = keyOf(message);
      const before = underWay.get(key);
      const mine = before === undefined ? act() : before.then(act);
      const ended = mine.catch(() => {});
      underWay.set(key, ended);
      try {
        return await mine;
      } finally {
        if (underWay.get(key) === ended) underWay.delete(key);
      }
    },
    noteDeleted(message) {
      deleted.set(keyOf(message), true);
      earlyEdits.delete(keyOf(message));
    },
    isDeleted: (message) => deleted.get(keyOf(message)) === true,
    isNewestEdit(edit) {
      const key = keyOf(edit);
      const known = editedAtMs.get(key);
      if (known !== undefined && known > edit.editedAtMs) return false;
      editedAtMs.set(key, edit.editedAtMs);
      return true;
    },
    keepEdit: (edit) => earlyEdits.set(keyOf(edit), edit),
    takeEdit(message) {
      const edit = earlyEdits.get(keyOf(message));
      earlyEdits.delete(keyOf(message));
      return edit;
    },
  };
}

function keyOf({ workspaceId, channelId, messageId }: MessagePlace): string {
  return JSON.stringify([workspaceId, channelId, messageId]);
}

/** Forgets what is older than `KEPT_MS`, and the oldest beyond `entriesMax`. */
function forgetfulMap<Value>(entriesMax: number, now: Now) {
  const kept = new Map<string, { readonly value: Value; readonly untilMs: number }>();
  return {
    get(key: string): Value | undefined {
      const found = kept.get(key);
      return found === undefined || found.untilMs < now() ? undefined : found.value;
    },
    set(key: string, value: Value): void {
      kept.delete(key);
      kept.set(key, { value, untilMs: now() + KEPT_MS });
      for (const [oldest, { untilMs }] of kept) {
        if (kept.size <= entriesMax && untilMs >= now()) break;
        kept.delete(oldest);
      }
    },
    delete: (key: string) => void kept.delete(key),
  };
}
