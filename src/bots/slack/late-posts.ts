import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "#core/log.ts";
import { findReplies, isMarkedAs, isUnmarkedStream, type SoughtPart, type StandingMessage } from "./find-replies.ts";
import { recentMap } from "./recent-map.ts";
import { type CallKind, SlackBusyError } from "./slack-calls.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";

/**
 * A call that we no longer wait for can be carried out later, even after a look has found nothing of it: a busy server takes a
 * new connection late, and the look comes over an old one. A post that was sent again stands twice then, and an edit on the way
 * takes the place of the final text. So whoever gave a call up looks for doubles when the final text stands and a few times
 * after, and writes it once more.
 */
export interface LatePosts {
  /** A post has failed and may have been carried out, or may be yet. */
  noteLost(part: SoughtPart, isStream: boolean): void;
  /** A post was answered. */
  notePosted(part: SoughtPart): void;
  /** More than one message of this part stand: they were sent by a process that is gone. */
  noteDoubles(part: SoughtPart): void;
  /** An edit with an earlier text was given up. */
  noteStale(part: SoughtPart): void;
  /**
   * The final text stands in `messageId`: other messages of this part are deleted, now and for a while. `restore` writes again
   * what was written there last. Never rejects.
   */
  settle(part: SoughtPart, messageId: string, workspace: SlackWorkspace, restore: () => Promise<void>): Promise<void>;
}

export interface LatePostsParts {
  /** How long a call is waited for. */
  readonly callTimeoutMs: number;
  /** Whether nobody grows this message or is about to: other replies may stream in the same thread. */
  readonly isFree: (part: SoughtPart, messageId: string) => boolean;
  readonly remove: (part: SoughtPart, message: StandingMessage, workspace: SlackWorkspace) => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: Log;
}

interface Lost {
  /** All that were sent and may stand. */
  posts: number;
  isStream: boolean;
  isStale: boolean;
}

interface Settled {
  readonly part: SoughtPart;
  readonly messageId: string;
  readonly lost: Lost;
  readonly workspace: SlackWorkspace;
}

const LOST_MAX = 2000;
const WAITING_MAX = 2 * LOST_MAX;
/** After the final text, in times that a call is waited for. */
const LOOKS_AFTER = [1 / 3, 2, 8];
const RESTORE_AFTER = [1, 4];

export function latePosts({ callTimeoutMs, isFree, remove, signal, log }: LatePostsParts): LatePosts {
  const lostPosts = recentMap<Lost>(LOST_MAX);
  // Every part that is looked after waits with it; Node.js would warn of a leak from the eleventh on.
  setMaxListeners(WAITING_MAX, signal);

  async function removeDoubles({ part, messageId, lost, workspace }: Settled, urgency: CallKind["urgency"]) {
    const messages = await findReplies(part, workspace, urgency);
    // Where the one that counts is gone, another may have taken its place.
    if (!messages.some(({ ts }) => ts === messageId)) return;
    for (const message of messages) {
      const isLate = lost.isStream && isUnmarkedStream(message, workspace) && isFree(part, message.ts);
      if (message.ts === messageId || !(isLate || isMarkedAs(message, part))) continue;
      await remove(part, message, workspace);
      log.warn({ turnId: part.turnId, part: part.part }, "slack.double-removed");
    }
  }

  async function look(settled: Settled, urgency: CallKind["urgency"]): Promise<void> {
    const { turnId, part } = settled.part;
    try {
      await removeDoubles(settled, urgency);
    } catch (error) {
      // Left out since Slack asked to wait: later looks follow.
      if (error instanceof SlackBusyError) return;
      log.warn({ turnId, part, err: error }, "slack.doubles-not-looked-for");
    }
  }

  /** Nobody waits for these: they can wait until Slack takes them. */
  async function lookLater(settled: Settled): Promise<void> {
    for (const times of LOOKS_AFTER) {
      await sleep(times * callTimeoutMs, undefined, { signal, ref: false });
      await look(settled, "must");
    }
  }

  async function restoreLater(part: SoughtPart, restore: () => Promise<void>): Promise<void> {
    for (const times of RESTORE_AFTER) {
      await sleep(times * callTimeoutMs, undefined, { signal, ref: false });
      await restore().catch((error: unknown) => {
        log.warn({ turnId: part.turnId, part: part.part, err: error }, "slack.text-not-restored");
      });
    }
  }

  function change(part: SoughtPart, act: (lost: Lost) => void): void {
    const lost = lostPosts.get(keyOf(part)) ?? { posts: 0, isStream: false, isStale: false };
    act(lost);
    lostPosts.set(keyOf(part), lost);
  }

  return {
    noteLost(part, isStream) {
      change(part, (lost) => {
        lost.posts++;
        lost.isStream ||= isStream;
      });
    },
    noteDoubles(part) {
      change(part, (lost) => {
        lost.posts = Math.max(lost.posts, 2);
      });
    },
    noteStale(part) {
      change(part, (lost) => {
        lost.isStale = true;
      });
    },
    notePosted(part) {
      const lost = lostPosts.get(keyOf(part));
      if (lost !== undefined) lost.posts++;
    },
    async settle(part, messageId, workspace, restore) {
      const lost = lostPosts.get(keyOf(part));
      lostPosts.delete(keyOf(part));
      // Both reject only when the program ends.
      if (lost?.isStale === true) restoreLater(part, restore).catch(() => {});
      // One that was lost and found is no double.
      if (lost === undefined || lost.posts < 2) return;
      const settled = { part, messageId, lost, workspace };
      await look(settled, "can-skip");
      lookLater(settled).catch(() => {});
    },
  };
}

function keyOf({ turnId, part }: SoughtPart): string {
  return `${turnId} ${part}`;
}
