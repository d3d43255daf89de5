import type { EventBus, HintKind } from "./event-bus.ts";

export interface Freshness {
  /** Resolves when every change made before the call is read. Rejects when it cannot be. */
  refresh(): Promise<void>;
  stop(): void;
}

export interface FreshnessParts {
  readonly events: EventBus;
  /** Tells of every change of what is read. */
  readonly kind: HintKind;
  readonly read: () => Promise<void>;
  /** Once per time of failures, however long it lasts and however many ask. */
  readonly onFailure: (error: unknown) => void;
}

/** How often is read while hints may be lost: every process sees a change within a second. */
const LOOK_MS = 500;
/** How many of these looks are left out while every hint is heard: a publisher may have been cut off from the bus. */
const LOOKS_LEFT_OUT = 9;

/** Keeps at hand what other processes may change. The first read is the caller's. */
export function keepFresh({ events, kind, read, onFailure }: FreshnessParts): Freshness {
  let reading = Promise.resolve();
  let next: Promise<void> | undefined;
  let isFailing = false;
  let span = events.hearingSpan();
  let leftOut = 0;

  function refresh(): Promise<void> {
    // A read that has begun may have missed what the caller wants to see; all who come meanwhile share the one after it.
    next ??= reading.then(() => {
      next = undefined;
      const mine = read();
      reading = mine.then(
        () => {
          isFailing = false;
        },
        (error: unknown) => {
          if (!isFailing) onFailure(error);
          isFailing = true;
        },
      );
      return mine;
    });
    return next;
  }
  function refreshLater(): void {
    refresh().catch(() => {}); // told where it is read
  }
  function look(): void {
    const before = span;
    span = events.hearingSpan();
    const isTold = span !== undefined && span === before && !isFailing;
    if (isTold && leftOut < LOOKS_LEFT_OUT) {
      leftOut++;
      return;
    }
    leftOut = 0;
    refreshLater();
  }

  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  const unsubscribe = events.subscribe([kind], refreshLater);
  return {
    refresh,
    stop() {
      clearInterval(timer);
      unsubscribe();
    },
  };
}
