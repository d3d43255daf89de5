import type { Now } from "#core/clock.ts";

/**
 * Slack's documented limits as sliding windows: a call that would break one waits here instead of being refused there. All calls of a
 * workspace count, whoever makes them.
 */
export interface CallWindows {
  /** 0: the call may be made now. `channelId`: posts are counted by channel. */
  waitMs(method: string, channelId: string | undefined): number;
  /** A call is made now. */
  count(method: string, channelId: string | undefined): void;
  /** Whether calls that can be left out leave enough of the window to those that must be made. */
  hasSpare(method: string): boolean;
}

interface Window {
  readonly calls: number;
  readonly perMs: number;
  /** Kept for calls that must be made. */
  readonly reserved?: number;
}

/** A second more than Slack's minute: what is sent in time may arrive a little late or early. */
const MINUTE_MS = 61_000;
const perMinute = (calls: number, reserved = 0): Window => ({ calls, perMs: MINUTE_MS, reserved });

const WINDOWS: ReadonlyMap<string, Window> = new Map([
  ["chat.startStream", perMinute(20)],
  ["chat.stopStream", perMinute(20)],
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
const POSTS: Window = { calls: 3, perMs: 3100 };
const CHANNELS_MAX = 5000;

export function createCallWindows(now: Now): CallWindows {
  const madeAtMs = new Map<string, readonly number[]>();

  function windowOf(method: string, channelId: string | undefined): Window | undefined {
    return channelId === undefined ? WINDOWS.get(method) : POSTS;
  }

  function recent(method: string, channelId: string | undefined, { perMs }: Window): readonly number[] {
    const sinceMs = now() - perMs;
    const made = madeAtMs.get(keyOf(method, channelId)) ?? [];
    const first = made.findIndex((atMs) => atMs > sinceMs);
    return first === -1 ? [] : made.slice(first);
  }

  return {
    waitMs(method, channelId) {
      const window = windowOf(method, channelId);
      if (window === undefined) return 0;
      const made = recent(method, channelId, window);
      const blocking = made.at(-window.calls);
      return made.length < window.calls || blocking === undefined ? 0 : blocking + window.perMs - now();
    },
    count(method, channelId) {
      const window = windowOf(method, channelId);
      if (window === undefined) return;
      const key = keyOf(method, channelId);
      const made = [...recent(method, channelId, window), now()];
      madeAtMs.delete(key);
      madeAtMs.set(key, made);
      for (const oldest of madeAtMs.keys()) {
        if (madeAtMs.size <= CHANNELS_MAX) break;
        madeAtMs.delete(oldest);
      }
    },
    hasSpare(method) {
      const window = WINDOWS.get(method);
      return window === undefined || recent(method, undefined, window).length < window.calls - (window.reserved ?? 0);
    },
  };
}

function keyOf(method: string, channelId: string | undefined): string {
  return channelId === undefined ? method : `${method} ${channelId}`;
}
