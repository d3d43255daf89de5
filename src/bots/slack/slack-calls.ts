import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { webApi } from "@slack/bolt";
import type { Now } from "#core/clock.ts";
import type { SharedWindows } from "#store/shared-windows.ts";
import { type CallLimit, createCallWindows } from "./call-windows.ts";
import { isOutcomeUnknown, isTimedOut, refusalOf, retryAfterSecondsOf } from "./slack-refusals.ts";

/**
 * How Slack's Web API is called for one workspace. The SDK's own retries are off: they would send a message twice after a
 * lost answer, and a 429 of one method would hold up all others.
 */
export interface SlackCalls {
  /** Rejects with PlatformRefusedError when Slack refuses for good. */
  run<Result>(kind: CallKind, act: (client: webApi.WebClient) => Promise<Result>): Promise<Result>;
  /** Whether the method's budget has room for a call that can be left out, by what this process knows. */
  hasRoom(method: string): boolean;
  /** The same, by what all processes have called. */
  hasRoomOfAll(method: string): Promise<boolean>;
  /** How many calls of the method need not wait. */
  left(method: string): Promise<number>;
}

export interface CallKind {
  /** The Web API's method: budgets and 429 count by it. */
  readonly method: string;
  /** What it is for, as in "post a reply". */
  readonly what: string;
  /** Posting is limited by channel. */
  readonly channelId?: string;
  /** `must`: waits out a 429. `can-skip`: is not even sent while Slack asks to wait. */
  readonly urgency: "must" | "can-skip";
  /** Doing it twice is doing it once: tried again after a failure whose outcome is unknown. */
  readonly isRepeatable: boolean;
  readonly signal?: AbortSignal;
  /** A try was given up: it may be carried out later, even after what is called next. */
  readonly onTimedOut?: () => void;
}

/** A call that was left out since Slack asked to wait. */
export class SlackBusyError extends Error {
  constructor(method: string, options?: ErrorOptions) {
    super(`Cannot call ${method}: Slack asked to wait`, options);
  }
}

/** How calls that can be left out are spread over Slack's minute, and how many may come at once. */
const BUDGETS: ReadonlyMap<string, { readonly perMinute: number; readonly burst: number }> = new Map([
  ["chat.startStream", { perMinute: 20, burst: 8 }],
  ["chat.appendStream", { perMinute: 100, burst: 20 }],
  ["chat.update", { perMinute: 50, burst: 12 }],
  ["assistant.threads.setStatus", { perMinute: 100, burst: 20 }],
]);
/** Of the budget, kept for calls that must be made. */
const RESERVE = 2;
const REPEATS_MAX = 3;
const REPEAT_MS = 250;
/** A final text waits through this many 429 answers. */
const WAITS_MAX = 8;
const WAIT_SECONDS_MAX = 120;
/** How often a call that has to wait for its turn looks. */
const LOOK_MS = 50;

/** Of a window that several processes share, calls that can be left out leave the rest to those that must be made. */
const SHARED_SKIPPABLE_RATIO = 0.7;
const SHARED_LOOK_MS = 1000;

/** `shared` counts the calls of all processes that use the workspace's token. */
export function createSlackCalls(
  client: webApi.WebClient,
  now: Now,
  shared?: { readonly windows: SharedWindows; readonly name: string },
): SlackCalls {
  const blockedUntilMs = new Map<string, number>();
  const tokens = new Map<string, { left: number; atMs: number }>();
  const windows = createCallWindows(now);

  function refill(method: string): { left: number; atMs: number } | undefined {
    const budget = BUDGETS.get(method);
    if (budget === undefined) return undefined;
    const nowMs = now();
    const before = tokens.get(method) ?? { left: budget.burst, atMs: nowMs };
    const gained = ((nowMs - before.atMs) * budget.perMinute) / 60_000;
    const state = { left: Math.min(budget.burst, before.left + gained), atMs: nowMs };
    tokens.set(method, state);
    return state;
  }

  const keyOf = (kind: CallKind) => (kind.channelId === undefined ? kind.method : `${kind.method} ${kind.channelId}`);

  function isBlocked(key: string): boolean {
    const until = blockedUntilMs.get(key);
    if (until === undefined) return false;
    if (until > now()) return true;
    blockedUntilMs.delete(key);
    return false;
  }

  const hasRoom = (method: string) =>
    !isBlocked(method) && windows.hasSpare(method) && (refill(method)?.left ?? RESERVE + 1) >= RESERVE + 1;

  /** Of a method that is counted for the workspace. */
  async function leftOfAll(method: string, ratio: number): Promise<number> {
    const limit = windows.limitOf(method, undefined);
    if (shared === undefined || limit === undefined) return Number.POSITIVE_INFINITY;
    return await shared.windows.left(`${shared.name} ${method}`, placesOf(limit, ratio), limit.perMs);
  }

  /** Waits while Slack asked for it, or would. The place is taken in the moment that it is seen: others wait for the same one. */
  async function takeRoom(kind: CallKind, key: string): Promise<() => void> {
    const { method, channelId, signal } = kind;
    let noteAnswered = shared === undefined ? () => {} : undefined;
    for (;;) {
      const waitMs = Math.max((blockedUntilMs.get(key) ?? 0) - now(), windows.waitMs(method, channelId));
      if (waitMs > 0) await sleep(Math.min(waitMs, LOOK_MS), undefined, { signal });
      else if (noteAnswered === undefined) noteAnswered = await takeShared(kind, key);
      else return endOf(windows.begin(method, channelId), noteAnswered);
    }
  }

  /** Resolves with what tells that the call was answered. */
  async function takeShared({ method, channelId, urgency, signal }: CallKind, key: string): Promise<() => void> {
    const limit = windows.limitOf(method, channelId);
    if (shared === undefined || limit === undefined) return () => {};
    const canSkip = urgency === "can-skip";
    const places = placesOf(limit, canSkip ? SHARED_SKIPPABLE_RATIO : 1);
    const [name, place] = [`${shared.name} ${key}`, randomUUID()];
    for (;;) {
      const waitMs = await shared.windows.take(name, place, places, limit.perMs);
      if (waitMs === 0) return () => void shared.windows.noteAnswered(name, place, limit.perMs);
      if (canSkip) throw new SlackBusyError(method);
      await sleep(Math.min(waitMs, SHARED_LOOK_MS), undefined, { signal });
    }
  }

  return {
    hasRoom,
    hasRoomOfAll: async (method) => hasRoom(method) && (await leftOfAll(method, SHARED_SKIPPABLE_RATIO)) > 0,
    left: async (method) => (isBlocked(method) ? 0 : Math.min(windows.left(method), await leftOfAll(method, 1))),
    async run(kind, act) {
      const key = keyOf(kind);
      let waits = 0;
      for (let attempt = 1; ; attempt++) {
        if (kind.urgency === "can-skip" && (isBlocked(key) || !hasRoom(kind.method))) {
          throw new SlackBusyError(kind.method);
        }
        const end = await takeRoom(kind, key);
        const budget = refill(kind.method);
        if (budget !== undefined) budget.left -= 1;
        try {
          return await act(client).finally(end);
        } catch (error) {
          if (isTimedOut(error)) kind.onTimedOut?.();
          const seconds = retryAfterSecondsOf(error);
          if (seconds !== undefined) {
            blockedUntilMs.set(key, now() + Math.min(seconds, WAIT_SECONDS_MAX) * 1000);
            waits++;
            if (kind.urgency === "can-skip") throw new SlackBusyError(kind.method, { cause: error });
            if (waits > WAITS_MAX) throw error;
            attempt--;
            continue;
          }
          if (!kind.isRepeatable || !isOutcomeUnknown(error) || attempt >= REPEATS_MAX)
            throw refusalOf(error, kind.what);
          await sleep(REPEAT_MS * 2 ** (attempt - 1), undefined, { signal: kind.signal });
        }
      }
    },
  };
}

function placesOf({ calls }: CallLimit, ratio: number): number {
  return Math.max(1, Math.floor(calls * ratio));
}

function endOf(...ends: readonly (() => void)[]): () => void {
  return () => {
    for (const end of ends) end();
  };
}
