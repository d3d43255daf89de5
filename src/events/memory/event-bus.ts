import type { EventBus } from "#events/event-bus.ts";
import { hintListeners } from "#events/hint-listeners.ts";

/** For one process. Listeners are called after the publisher has gone on; what one throws is a bug and ends the process. */
export function memoryEventBus(): EventBus {
  const { tell, subscribe } = hintListeners((listen) => listen());

  return {
    publish: tell,
    subscribe,
    // Other processes may have the same store open.
    hearingSpan: () => undefined,
  };
}
