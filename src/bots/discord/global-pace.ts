import { DefaultRestOptions, type RESTOptions } from "discord.js";
import type { Now } from "#core/clock.ts";

/** A clock of whole milliseconds may find a second over that lacks a part of its last one. */
const SECOND_MS = 1001;

/**
 * Sends requests so that no second of Discord's holds more than it allows. discord.js counts in seconds of its own: what it sends as
 * one of them ends can arrive in one of Discord's with all that it sends as the next one begins. Here a request takes its place from
 * its sending to a second after its answer: whenever Discord counted it in between, that second of Discord's is over then.
 */
export function pacedRequests(perSecondMax: () => number, now: Now): RESTOptions["makeRequest"] {
  let underWay = 0;
  let answeredAtMs: readonly number[] = [];
  let waiting: readonly (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  /** Oldest first. */
  function letThrough(): void {
    const nowMs = now();
    answeredAtMs = answeredAtMs.filter((atMs) => atMs > nowMs - SECOND_MS);
    while (waiting.length > 0 && underWay + answeredAtMs.length < perSecondMax()) {
      const [next, ...others] = waiting;
      waiting = others;
      underWay++;
      next?.();
    }
    const [oldest] = answeredAtMs;
    if (waiting.length === 0 || oldest === undefined || timer !== undefined) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        letThrough();
      },
      oldest + SECOND_MS - nowMs,
    );
  }

  return async (url, init) => {
    // Answers to commands do not count, and have to come within three seconds.
    if (/\/interactions\/\d+\//.test(url)) return await DefaultRestOptions.makeRequest(url, init);
    await new Promise<void>((resolve) => {
      waiting = [...waiting, resolve];
      letThrough();
    });
    try {
      return await DefaultRestOptions.makeRequest(url, init);
    } finally {
      underWay--;
      answeredAtMs = [...answeredAtMs, now()];
      letThrough();
    }
  };
}
