import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type { Platform } from "#core/scope.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { AskedMessage } from "./overlap.ts";
import type { PlaceLocks } from "./place-locks.ts";
import type { SettingsWatch } from "./place-settings.ts";
import type { PlatformConnector } from "./platform-connector.ts";

/** What the inbox needs to be worked off. */
export interface AnsweringParts {
  readonly chat: ChatStore;
  readonly connectors: ReadonlyMap<Platform, PlatformConnector>;
  readonly answer: (
    connector: PlatformConnector,
    turnId: string,
    message: AskedMessage,
    signal: AbortSignal,
    ending: EventsToEnd,
  ) => Promise<unknown>;
  readonly places: Pick<SettingsWatch, "of">;
  /** Where other processes answer in the same places. */
  readonly locks?: PlaceLocks;
  readonly turnIdOf: (eventId: string) => string;
  /** Names this process among those that share the store. */
  readonly claimedBy: string;
  readonly now: Now;
  readonly log: Log;
}

/** The events that an answer answers. One whose last write leaves nothing to do ends them in it. */
export interface EventsToEnd {
  /** Gives their ids once: whoever takes them finishes them. */
  take(): readonly string[];
}
