import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import { type Platform, platformOf } from "#core/scope.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { SettingsWatch } from "./place-settings.ts";
import type { Notice, PlatformConnector } from "./platform-connector.ts";

export interface OnceParts {
  readonly platforms: Pick<PlatformStore, "takeMark" | "clearMarks">;
  readonly connectors: ReadonlyMap<Platform, PlatformConnector>;
  readonly places: Pick<SettingsWatch, "of">;
  readonly now: Now;
  readonly log: Log;
}

/**
 * Tells a notice once for its key, over all processes and starts; one that the platform did not take is told another time. The key
 * names the workspace as a word of its own and is the beginning of no other key. Never rejects because of the platform.
 */
export async function tellOnce(parts: OnceParts, key: string, notice: Notice): Promise<void> {
  const connector = parts.connectors.get(platformOf(notice.workspaceId));
  if (connector === undefined || !(await parts.platforms.takeMark(key, parts.now()))) return;
  try {
    await connector.tell(notice);
  } catch (error) {
    parts.log.warn(
      { workspaceId: notice.workspaceId, channelId: notice.channelId ?? null, err: error },
      "notice.failed",
    );
    await parts.platforms.clearMarks(key);
  }
}
