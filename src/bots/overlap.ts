import type { IncomingMessage } from "#core/inbox.ts";
import type { PlaceSettings } from "./place-settings.ts";

/**
 * Why a reply is given up before its end: its person pressed stop, a newer message of theirs takes its place, they edited the
 * question (its answer takes the same posts), or the question is gone.
 */
export type StopReason = "stopped" | "replaced" | "edited" | "deleted";

/** The reason of an abort signal; nobody throws it. */
export class ReplyStopped extends Error {
  readonly why: StopReason;

  constructor(why: StopReason) {
    super(`The reply was ${why}`);
    this.name = "AbortError";
    this.why = why;
  }
}

/** Undefined while nobody has stopped it. */
export function stopReasonOf(signal: AbortSignal): StopReason | undefined {
  if (!signal.aborted) return undefined;
  return signal.reason instanceof ReplyStopped ? signal.reason.why : "stopped";
}

/** Whether `newer` makes the answer to `older` needless. Nobody's message is given up for another person's. */
export function overtakes(
  newer: IncomingMessage,
  older: IncomingMessage,
  overlap: PlaceSettings["overlap"],
): Extract<StopReason, "edited" | "replaced"> | undefined {
  if (newer.userId !== older.userId) return undefined;
  const revisions = (newer.revision ?? 0) - (older.revision ?? 0);
  if (newer.messageId === older.messageId && revisions > 0) return "edited";
  const isLater = newer.messageId !== older.messageId && newer.sentAtMs >= older.sentAtMs;
  return overlap === "replace" && isLater ? "replaced" : undefined;
}

/** Messages that are answered as one. */
const JOINED_MAX = 10;

/** Whether `next` may be answered in one with those before it; all are of one person. */
export function canJoin(
  before: readonly IncomingMessage[],
  next: IncomingMessage,
  { overlap, messageMaxChars }: Pick<PlaceSettings, "overlap" | "messageMaxChars">,
): boolean {
  if (overlap !== "join" || before.length >= JOINED_MAX) return false;
  const all = [...before, next];
  const chars = all.reduce((sum, { text }) => sum + text.length + JOINT.length, 0);
  return (
    chars <= messageMaxChars && all.every(isPlain) && all.every(({ visibility }) => visibility === next.visibility)
  );
}

const JOINT = "\n\n";

function isPlain({ regenerationOf, revision }: IncomingMessage): boolean {
  return regenerationOf === undefined && (revision ?? 0) === 0;
}

/** A message as it is answered. */
export interface AskedMessage extends IncomingMessage {
  /** Earlier messages of the same person whose words are in `text`: they waited, and are answered in one. */
  readonly joinedMessageIds?: readonly string[];
}

/** The newest message with the words and files of all; the reply stands under it. Oldest first in, at least one. */
export function joinMessages(messages: readonly [IncomingMessage, ...IncomingMessage[]]): AskedMessage {
  const [first, ...later] = messages;
  const newest = later.at(-1);
  if (newest === undefined) return first;
  const attachments = messages.flatMap((message) => message.attachments ?? []);
  return {
    ...newest,
    text: messages.map(({ text }) => text).join(JOINT),
    joinedMessageIds: messages.slice(0, -1).map(({ messageId }) => messageId),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

/** What waits in one place. People come in turn, one message each: who writes fifty makes nobody else wait for fifty answers. */
export interface FairQueue<T extends object> {
  readonly size: number;
  countOf(userId: string): number;
  add(userId: string, item: T): void;
  /** The oldest of the next person, with those after it for which `joins` says yes. Empty when nothing waits. */
  take(joins: (before: readonly T[], next: T) => boolean): readonly T[];
  /** False when it did not wait. */
  remove(item: T): boolean;
  list(): readonly T[];
}

export function createFairQueue<T extends object>(): FairQueue<T> {
  /** In the order in which people come. */
  const waiting = new Map<string, T[]>();
  let lastUserId: string | undefined;

  return {
    get size() {
      return [...waiting.values()].reduce((sum, items) => sum + items.length, 0);
    },
    countOf: (userId) => waiting.get(userId)?.length ?? 0,
    add(userId, item) {
      const items = waiting.get(userId);
      if (items === undefined) waiting.set(userId, [item]);
      else items.push(item);
    },
    take(joins) {
      const [first, second] = waiting.keys();
      // Who was just answered and wrote again before anybody else did still comes after them.
      const userId = first === lastUserId ? (second ?? first) : first;
      if (userId === undefined) return [];
      const [oldest, ...rest] = waiting.get(userId) ?? [];
      waiting.delete(userId);
      lastUserId = userId;
      if (oldest === undefined) return [];
      const taken = [oldest];
      for (let next = rest[0]; next !== undefined && joins(taken, next); next = rest[0]) {
        taken.push(next);
        rest.shift();
      }
      if (rest.length > 0) waiting.set(userId, rest);
      return taken;
    },
    remove(item) {
      for (const [userId, items] of waiting) {
        if (!items.includes(item)) continue;
        const left = items.filter((other) => other !== item);
        if (left.length === 0) waiting.delete(userId);
        else waiting.set(userId, left);
        return true;
      }
      return false;
    },
    list: () => [...waiting.values()].flat(),
  };
}
