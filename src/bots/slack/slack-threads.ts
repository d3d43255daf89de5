import type { Now } from "#core/clock.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import { recentMap } from "./recent-map.ts";

/** The threads that the bot wrote into: what is said there is meant for it. Survives a restart. */
export interface SlackThreads {
  has(workspaceId: string, channelId: string, threadId: string): Promise<boolean>;
  /** Does not wait for the store: losing a note costs a mention. */
  join(workspaceId: string, channelId: string, threadId: string): void;
}

const ENTRIES_MAX = 20_000;

export function slackThreads(platforms: PlatformStore, now: Now, onFailed: (error: unknown) => void): SlackThreads {
  const known = recentMap<boolean>(ENTRIES_MAX);
  const keyOf = (...ids: readonly string[]) => `slack-thread ${ids.join(" ")}`;
  return {
    async has(workspaceId, channelId, threadId) {
      const key = keyOf(workspaceId, channelId, threadId);
      const remembered = known.get(key);
      if (remembered !== undefined) return remembered;
      const stored = (await platforms.getCursor(key)) !== undefined;
      known.set(key, stored);
      return stored;
    },
    join(workspaceId, channelId, threadId) {
      const key = keyOf(workspaceId, channelId, threadId);
      if (known.get(key) === true) return;
      known.set(key, true);
      platforms.putCursor(key, now()).catch(onFailed);
    },
  };
}
