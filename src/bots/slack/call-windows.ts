import type { Now } from "#core/clock.ts";

/**
 * Slack's documented limits as sliding windows: a call that would break one waits here instead of being refused there. All calls of a
 * workspace count, whoever makes them. A call takes its place from its sending until the window after its answer has passed: whenever
 * Slack counted it in between, that is over then.
 */
export interface CallWindows {
  /** 0: the call may be made now. `channelId`: posts are counted by channel. */
  waitMs(method: string, channelId: string | undefined): number;
  /** A call is made now; the returned function tells that it was answered. */
  begin(method: string, channelId: string | undefined): () => void;
  /** How many calls may be made now. */
  left(method: string): number;
  /** What Slack counts this call by; undefined: nothing that would be reached. */
  limitOf(method: string, channelId: string | undefined): CallLimit | undefined;
  /** Whether calls that can be left out leave enough of the window to those that must be made. */
  hasSpare(method: string): boolean;
}

export interface CallLimit {
  readonly calls: number;
  readonly perMs: number;
}

interface Window extends CallLimit {
  /** Kept for calls that must be made. */
  readonly reserved?: number;
}

const MINUTE_MS = 60_000;
/** How long a call waits for those that are under way before it looks again. */
const UNDER_WAY_MS = 50;
const perMinute = (calls: number, reserved = 0): Window => ({ calls, perMs: MINUTE_MS, reserved });

const WINDOWS: ReadonlyMap<string, Window> = new Map([
  ["chat.startStream", perMinute(20)],
  ["chat.stopStream", perMinute(20, 8)],
  ["chat.appendStream", perMinute(100)],
  ["chat.update", perMinute(50, 20)],
  ["chat.delete", perMinute(50)],
  ["conversations.history", perMinute(50)],
  ["conversations.replies", perMinute(50)],
  ["conversations.info", perMinute(50)],
  ["reactions.get", perMinute(50)],
  ["reactions.add", perMinute(50)],
  ["users.info", perMinute(100)],
  ["users.conversations", perMinute(20)],
  ["usergroups.list", perMinute(20)],
  ["assistant.threads.setStatus", perMinute(100)],
  ["agents.sessions.setStatus", perMinute(50)],
]);
/** One message a second and channel, short bursts pass. */
const POSTS: Window = { calls: 3, perMs: 3000 };
const CHANNELS_MAX = 5000;

interface Made {
  underWay: number;
  answeredAtMs: readonly number[];
}

export function createCallWindows(now: Now): CallWindows {
  const made = new Map<string, Made>();

  function windowOf(method: string, channelId: string | undefined): Window | undefined {
    return channelId === undefined ? WINDOWS.get(method) : POSTS;
  }

  function madeOf(method: string, channelId: string | undefined, { perMs }: Window): Made {
    const key = keyOf(method, channelId);
    const known = made.get(key) ?? { underWay: 0, answeredAtMs: [] };
    const sinceMs = now() - perMs;
    known.answeredAtMs = known.answeredAtMs.filter((atMs) => atMs > sinceMs);
    made.delete(key);
    made.set(key, known);
    for (const [oldest, { underWay }] of made) {
      if (made.size <= CHANNELS_MAX) break;
      if (underWay === 0) made.delete(oldest);
    }
    return known;
  }

  function left(method: string): number {
    const window = WINDOWS.get(method);
    if (window === undefined) return Number.POSITIVE_INFINITY;
    const { underWay, answeredAtMs } = madeOf(method, undefined, window);
    return window.calls - underWay - answeredAtMs.length;
  }

  return {
    limitOf: windowOf,
    waitMs(method, channelId) {
      const window = windowOf(method, channelId);
      if (window === undefined) return 0;
      const { underWay, answeredAtMs } = madeOf(method, channelId, window);
      const over = underWay + answeredAtMs.length - window.calls;
      if (over < 0) return 0;
      const blocking = answeredAtMs[over];
      return blocking === undefined ? UNDER_WAY_MS : blocking + window.perMs - now();
    },
    begin(method, channelId) {
      const window = windowOf(method, channelId);
      if (window === undefined) return () => {};
      const own = madeOf(method, channelId, window);
      own.underWay++;
      return () => {
        own.underWay--;
        own.answeredAtMs = [...own.answeredAtMs, now()];
      };
    },
    left,
    hasSpare: (method) => left(method) > (WINDOWS.get(method)?.reserved ?? 0),
  };
}

function keyOf(method: string, channelId: string | undefined): string {
  return channelId === undefined ? method : `${method} ${channelId}`;
}
