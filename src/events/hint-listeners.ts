import type { EventBus, Hint } from "./event-bus.ts";

/** Who hears what in this process. */
export interface HintListeners {
  readonly subscribe: EventBus["subscribe"];
  has(kind: Hint["kind"]): boolean;
  /** Listeners are called after the caller has gone on, and those that ended meanwhile are not. */
  tell(hint: Hint): void;
  clear(): void;
}

/** `call` calls a listener, and decides what becomes of what it throws. */
export function hintListeners(call: (listen: () => void, hint: Hint) => void): HintListeners {
  const subscriptions = new Set<{ readonly kinds: ReadonlySet<string>; readonly listener: (hint: never) => void }>();

  return {
    subscribe(kinds, listener) {
      // An object of its own: the same listener may subscribe twice and end one of the two.
      const subscription = { kinds: new Set<string>(kinds), listener };
      subscriptions.add(subscription);
      return () => {
        subscriptions.delete(subscription);
      };
    },
    has: (kind) => [...subscriptions].some(({ kinds }) => kinds.has(kind)),
    tell(hint) {
      for (const subscription of subscriptions) {
        if (!subscription.kinds.has(hint.kind)) continue;
        // It was subscribed with the kinds that it takes.
        const listener = subscription.listener as (hint: Hint) => void;
        queueMicrotask(() => {
          if (subscriptions.has(subscription)) call(() => listener(hint), hint);
        });
      }
    },
    clear: () => subscriptions.clear(),
  };
}
