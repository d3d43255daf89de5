import { DefaultRestOptions, type RESTOptions } from "discord.js";
import type { Now } from "#core/clock.ts";

/** Discord counts by the second; what is sent in time may arrive a little late or early. */
const WINDOW_MS = 1150;

/**
 * Sends requests so that no second of Discord's holds more than it allows. discord.js counts in seconds of its own: what it sends as
 * one of them ends can arrive in one of Discord's with all that it sends as the next one begins.
 */
export function pacedRequests(perSecondMax: number, now: Now): RESTOptions["makeRequest"] {
  let sentAtMs: readonly number[] = [];
  let before: Promise<void> = Promise.resolve();

  async function takeTurn(): Promise<void> {
    for (;;) {
      const nowMs = now();
      sentAtMs = sentAtMs.filter((atMs) => atMs > nowMs - WINDOW_MS);
      const blocking = sentAtMs.at(-perSecondMax);
      if (sentAtMs.length < perSecondMax || blocking === undefined) break;
      await new Promise((resolve) => setTimeout(resolve, blocking + WINDOW_MS - nowMs));
    }
    sentAtMs = [...sentAtMs, now()];
  }

  return async (url, init) => {
    // Answers to commands do not count, and have to come within three seconds.
    if (!/\/interactions\/\d+\//.test(url)) {
      const mine = before.then(takeTurn);
      before = mine;
      await mine;
    }
    return await DefaultRestOptions.makeRequest(url, init);
  };
}
