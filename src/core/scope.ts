/**
 * Who may learn from what. An audience is the group of people that could read a text: everyone in a workspace's public
 * channels, one private channel, or one direct conversation. Nothing said before one audience reaches another.
 */
export type Platform = "local" | "discord" | "slack";
export type Visibility = "public" | "private" | "direct";

export const ALL_DOMAINS = "*";

export interface LearningScope {
  /** Unique over all platforms: `<platform>:<id>`. */
  readonly workspaceId: string;
  /** `public`, `channel:<id>` or `direct:<id>`. */
  readonly audience: string;
  /** A domain's id, or `ALL_DOMAINS` where a workspace is counted as a whole. */
  readonly domain: string;
}

/** Of a workspace, or of an event, whose ids begin alike. Throws TypeError when it is no such id. */
export function platformOf(workspaceId: string): Platform {
  const platform = PLATFORMS.find((name) => workspaceId.startsWith(`${name}:`));
  if (platform === undefined) throw new TypeError("Cannot tell the platform: the id names none");
  return platform;
}

const PLATFORMS: readonly Platform[] = ["local", "discord", "slack"];

export function audienceOf(visibility: Visibility, channelId: string): string {
  if (visibility === "public") return "public";
  return visibility === "private" ? `channel:${channelId}` : `direct:${channelId}`;
}

/** One string per scope, safe as a key: parts are escaped, so that no id can imitate another scope. */
export function scopeKey(scope: LearningScope): string {
  return [scope.workspaceId, scope.audience, scope.domain].map(encodeURIComponent).join("/");
}

export function parseScopeKey(key: string): LearningScope {
  const [workspaceId, audience, domain] = key.split("/").map(decodeURIComponent);
  if (workspaceId === undefined || audience === undefined || domain === undefined) {
    throw new TypeError(`Cannot parse scope key "${key}": it has fewer than three parts`);
  }
  return { workspaceId, audience, domain };
}
