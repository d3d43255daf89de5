import type { EventBus, Hint } from "#events/event-bus.ts";

/** For one process. Listeners are called after the publisher has gone on; what one throws is a bug and ends the process. */
export function memoryEventBus(): EventBus {
  const listeners = new Set<(hint: Hint) => void>();

  return {
    publish(hint) {
      for (const listener of listeners) {
        queueMicrotask(() => {
          if (listeners.has(listener)) listener(hint);
        });
      }
    },
    subscribe(listener) {
      // A function of its own: the same listener may subscribe twice and end one of the two.
      const subscription = (hint: Hint) => listener(hint);
      listeners.add(subscription);
      return () => {
        listeners.delete(subscription);
      };
    },
  };
}
