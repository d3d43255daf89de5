import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventBus, HintOf } from "#events/event-bus.ts";

/** What other processes do to a message, and what this one knows of it. */
export type MessageChange = HintOf<"message.changed">;

/** What a process is told of a message that another one may be answering. */
export interface ToldElsewhere {
  tell(change: Omit<MessageChange, "kind">): void;
  /**
   * Tries until `act` says that it is done: what another process is writing is known to all only when it is stored. Ends early when
   * this one stops.
   */
  tryLater(act: () => Promise<boolean>): Promise<void>;
  stop(): void;
}

/** A reply is written within two minutes; the first tries are for those that are written at once. */
const PAUSES_MS = [500, 3000, 20_000, 100_000];
/** Most of what is tried has nothing to do with the bot: people edit and delete what they wrote to each other. */
const TRIED_MAX = 500;

export function createToldElsewhere(
  events: EventBus,
  onTold: (change: MessageChange) => void,
  pausesMs: readonly number[] = PAUSES_MS,
): ToldElsewhere {
  const stopping = new AbortController();
  // Everything that is tried listens to it.
  setMaxListeners(0, stopping.signal);
  let tried = 0;
  const unsubscribe = events.subscribe(["message.changed"], onTold);
  return {
    tell: (change) => events.publish({ kind: "message.changed", ...change }),
    async tryLater(act) {
      if (tried >= TRIED_MAX) return;
      tried++;
      try {
        for (const ms of pausesMs) {
          await sleep(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
          if (stopping.signal.aborted || (await act())) return;
        }
      } finally {
        tried--;
      }
    },
    stop() {
      unsubscribe();
      stopping.abort();
    },
  };
}
