import { setTimeout as sleep } from "node:timers/promises";
import type { Now } from "#core/clock.ts";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { Lease, Leases } from "#store/lease.ts";

/** Several processes that answer the same places: one reply at a time in each place, whoever writes it. */
export interface PlaceLocks {
  /** Runs `act` when nobody else answers in this place. Rejects with the signal's reason when that aborts while it waits. */
  hold<T>(place: string, signal: AbortSignal, act: () => Promise<T>): Promise<T>;
}

export interface PlaceLocksParts {
  readonly leases: Leases;
  /** Names this process. */
  readonly holder: string;
  readonly now: Now;
  readonly log: Log;
}

/** After a kill nobody is answered in the place for this long. */
const LEASE_MS = 5000;
const RENEW_MS = 1500;
/** Nobody tells that a place is free: a hint for each reply to every process would cost more than the few who wait look. */
const LOOK_MS = 100;
const LOOK_MAX_MS = 500;

/** While the leases cannot be reached every process answers for itself: chat goes on. */
export function createPlaceLocks({ leases, holder, now, log }: PlaceLocksParts): PlaceLocks {
  async function acquire(name: string, signal: AbortSignal): Promise<Lease | undefined> {
    for (let waitMs = LOOK_MS; ; waitMs = Math.min(waitMs * 2, LOOK_MAX_MS)) {
      signal.throwIfAborted();
      try {
        const lease = await leases.acquire(name, holder, LEASE_MS, now());
        if (lease !== undefined) return lease;
      } catch (error) {
        log.debug({ reason: describeError(error) }, "place.not-locked");
        return undefined;
      }
      await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  return {
    async hold(place, signal, act) {
      const lease = await acquire(`place:${place}`, signal);
      if (lease === undefined) return await act();
      const timer = setInterval(() => {
        leases.renew(lease, LEASE_MS, now()).catch(() => {}); // away: it ends by itself
      }, RENEW_MS).unref();
      try {
        return await act();
      } finally {
        clearInterval(timer);
        leases.release(lease).catch(() => {});
      }
    },
  };
}
