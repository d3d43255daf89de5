import type { RateLimiter } from "#store/rate-limiter.ts";

interface Window {
  readonly endsAtMs: number;
  readonly taken: number;
}

/** Names remembered at once: a flood of new names costs no more memory than this, and lets only the oldest off. */
const WINDOWS_MAX = 100_000;

/** A window begins with the first point taken in it. For one process; Redis has the one for several. */
export function memoryRateLimiter(windowsMax = WINDOWS_MAX): RateLimiter {
  /** In the order in which the windows began. */
  const windows = new Map<string, Window>();

  function makeRoom(nowMs: number): void {
    if (windows.size < windowsMax) return;
    for (const [key, { endsAtMs }] of windows) if (endsAtMs <= nowMs) windows.delete(key);
    for (const key of windows.keys()) {
      if (windows.size < windowsMax) break;
      windows.delete(key);
    }
  }

  return {
    async take(key, points, windowMs, nowMs) {
      const open = windows.get(key);
      const isOver = open === undefined || open.endsAtMs <= nowMs;
      if (isOver && points > 0) {
        windows.delete(key);
        makeRoom(nowMs);
        windows.set(key, { endsAtMs: nowMs + windowMs, taken: 1 });
        return { isAllowed: true, retryAfterMs: 0 };
      }
      if (open === undefined || isOver) return { isAllowed: false, retryAfterMs: windowMs };
      // After the settings were lowered, or the clock was set back, nobody waits longer than one window.
      if (open.taken >= points) return { isAllowed: false, retryAfterMs: Math.min(open.endsAtMs - nowMs, windowMs) };
      windows.set(key, { ...open, taken: open.taken + 1 });
      return { isAllowed: true, retryAfterMs: 0 };
    },
  };
}
