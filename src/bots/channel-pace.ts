import { randomUUID } from "node:crypto";
import type { Now } from "#core/clock.ts";
import type { SharedWindows } from "#store/shared-windows.ts";
import type { PlatformConnector } from "./platform-connector.ts";

/** Who may write first: the end of a reply, the first words of one, an edit, what is nice to have (emoji to press). */
export type Urgency = "final" | "first" | "edit" | "extra";

/** Until then the others count with a write that is still to come. */
export type NoteAnswered = () => void;

/** One budget per channel, shared by all who write there. */
export interface ChannelPace {
  /**
   * Resolves when the channel may be written to, once; what it resolves with is called when the platform has answered, or when nothing
   * was written. Rejects with the signal's reason when that aborts first.
   */
  take(channelKey: string, urgency: Urgency, signal?: AbortSignal): Promise<NoteAnswered>;
  /** The platform asked to wait: nobody writes to this channel before then. */
  pause(channelKey: string, untilMs: number): void;
}

export interface PaceLimits {
  readonly writes: number;
  readonly perMs: number;
}

const URGENCIES: readonly Urgency[] = ["final", "first", "edit", "extra"];
/** From this many on, edits and extras leave one write of every window to the first words and the end of another reply. */
const SHARED_WRITES_MIN = 3;
/** Channels at rest that are remembered; a forgotten one begins with a full budget. */
const CHANNELS_MAX = 5000;

type Pass = (noteAnswered: NoteAnswered) => void;

interface Channel {
  /** When the newest writes were let through, oldest first; at most as many as the budget has. */
  writesAtMs: number[];
  readonly waiting: ReadonlyMap<Urgency, Set<Pass>>;
  pausedUntilMs: number;
  /** The processes together have written as much as they may: what cannot wait, and everything else. */
  sharedUntilMs: number;
  sharedSpareUntilMs: number;
  /** All are asked whether one more may write. */
  isAsking: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Without limits everybody may write at once, but in a channel that is paused. `shared` counts what other processes write: whoever may
 * write by what is known here takes a place there too.
 */
export function createChannelPace(
  limits: PaceLimits | undefined,
  now: Now,
  shared?: { readonly windows: SharedWindows; readonly name: string },
): ChannelPace {
  const channels = new Map<string, Channel>();
  // Evenly spread, edits never use up a window; nor does a text stand still after a burst of them.
  const spacingMs =
    limits === undefined || limits.writes < SHARED_WRITES_MIN ? 0 : Math.ceil(limits.perMs / (limits.writes - 1));

  function channelOf(key: string): Channel {
    const known = channels.get(key);
    if (known !== undefined) {
      channels.delete(key);
      channels.set(key, known);
      return known;
    }
    const channel: Channel = {
      writesAtMs: [],
      waiting: new Map(URGENCIES.map((urgency) => [urgency, new Set()])),
      pausedUntilMs: 0,
      sharedUntilMs: 0,
      sharedSpareUntilMs: 0,
      isAsking: false,
      timer: undefined,
    };
    channels.set(key, channel);
    if (channels.size > CHANNELS_MAX) forgetIdle();
    return channel;
  }

  function forgetIdle(): void {
    for (const [key, channel] of channels) {
      if (channels.size <= CHANNELS_MAX) return;
      if (channel.timer === undefined && !channel.isAsking && waitMsOf(channel, "extra") <= 0) channels.delete(key);
    }
  }

  function waitMsOf(channel: Channel, urgency: Urgency): number {
    const paused = Math.max(channel.pausedUntilMs, channel.sharedUntilMs) - now();
    if (limits === undefined) return paused;
    const oldest = channel.writesAtMs.at(-limits.writes);
    const free = oldest === undefined ? 0 : oldest + limits.perMs - now();
    const newest = channel.writesAtMs.at(-1);
    if (isUrgent(urgency)) return Math.max(paused, free);
    const spare = channel.sharedSpareUntilMs - now();
    return Math.max(paused, free, spare, newest === undefined ? 0 : newest + spacingMs - now());
  }

  function letThrough(channel: Channel, key: string): void {
    clearTimeout(channel.timer);
    channel.timer = undefined;
    while (!channel.isAsking) {
      const urgency = URGENCIES.find((one) => (channel.waiting.get(one)?.size ?? 0) > 0);
      if (urgency === undefined) return;
      const waiters = channel.waiting.get(urgency);
      const [next] = waiters ?? [];
      if (next === undefined) return;
      const waitMs = waitMsOf(channel, urgency);
      if (waitMs > 0) {
        channel.timer = setTimeout(() => letThrough(channel, key), waitMs);
        return;
      }
      if (shared !== undefined && limits !== undefined) {
        void askAll(channel, key, urgency, { ...shared, ...limits });
        return;
      }
      waiters?.delete(next);
      note(channel);
      next(() => {});
    }
  }

  function note(channel: Channel): void {
    if (limits !== undefined) channel.writesAtMs = [...channel.writesAtMs, now()].slice(-limits.writes);
  }

  /** Whoever is the most urgent when the answer comes takes the place. */
  async function askAll(
    channel: Channel,
    key: string,
    urgency: Urgency,
    { windows, name, writes, perMs }: NonNullable<typeof shared> & PaceLimits,
  ): Promise<void> {
    channel.isAsking = true;
    const places = isUrgent(urgency) || writes < SHARED_WRITES_MIN ? writes : writes - 1;
    const shareKey = `${name} ${key}`;
    const place = randomUUID();
    const waitMs = await windows.take(shareKey, place, places, perMs);
    channel.isAsking = false;
    if (waitMs === 0) {
      const waiters = URGENCIES.map((one) => channel.waiting.get(one)).find((them) => (them?.size ?? 0) > 0);
      const [next] = waiters ?? [];
      note(channel);
      const noteAnswered = () => void windows.noteAnswered(shareKey, place, perMs);
      if (next === undefined) noteAnswered();
      else {
        waiters?.delete(next);
        next(noteAnswered);
      }
    } else if (isUrgent(urgency)) channel.sharedUntilMs = now() + waitMs;
    else channel.sharedSpareUntilMs = now() + waitMs;
    letThrough(channel, key);
  }

  return {
    take(channelKey, urgency, signal) {
      if (signal?.aborted === true) return Promise.reject(signal.reason);
      const channel = channelOf(channelKey);
      return new Promise((resolve, reject) => {
        const waiters = channel.waiting.get(urgency);
        const pass: Pass = (noteAnswered) => {
          signal?.removeEventListener("abort", leave);
          resolve(noteAnswered);
        };
        const leave = () => {
          if (waiters?.delete(pass) === true) reject(signal?.reason);
        };
        signal?.addEventListener("abort", leave, { once: true });
        waiters?.add(pass);
        // One who waits longer than the newcomer has to set the timer.
        letThrough(channel, channelKey);
      });
    },
    pause(channelKey, untilMs) {
      const channel = channelOf(channelKey);
      channel.pausedUntilMs = Math.max(channel.pausedUntilMs, untilMs);
    },
  };
}

function isUrgent(urgency: Urgency): boolean {
  return urgency === "final" || urgency === "first";
}

/** What all that write through one connector share. Made when it is first asked for. */
export function paceOf(connector: PlatformConnector, now: Now): ChannelPace {
  const { sharedWindows: windows, platform: name, limits } = connector;
  const pace =
    paces.get(connector) ??
    createChannelPace(limits.channelPace, now, windows === undefined ? undefined : { windows, name });
  paces.set(connector, pace);
  return pace;
}

const paces = new WeakMap<PlatformConnector, ChannelPace>();
