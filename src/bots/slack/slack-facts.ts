import type { PlaceSettings } from "#bots/place-settings.ts";
import type { Now } from "#core/clock.ts";
import type { Visibility } from "#core/scope.ts";
import { visibilityOf } from "./read-message.ts";
import { mentionedIds, type SlackNames } from "./read-mrkdwn.ts";
import { recentMap } from "./recent-map.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";

export interface UserFacts {
  readonly name: string;
  readonly isBot: boolean;
  /** Of the workspace, by Slack. */
  readonly isAdmin: boolean;
}

export interface ChannelFacts {
  readonly name: string;
  readonly visibility: Visibility;
}

/** What events do not tell: looked up once and kept for a while. A look-up that fails gives undefined. */
export interface SlackFacts {
  user(workspace: SlackWorkspace, userId: string): Promise<UserFacts | undefined>;
  channel(workspace: SlackWorkspace, channelId: string): Promise<ChannelFacts | undefined>;
  /** User groups that somebody is in; looked up only where the settings ask for groups. */
  rolesOf(workspace: SlackWorkspace, userId: string, settings: PlaceSettings): Promise<readonly string[]>;
  /** The names that a text needs to be read. */
  namesFor(workspace: SlackWorkspace, mrkdwn: string): Promise<SlackNames>;
  /** A channel changed; it is looked up anew. */
  forgetChannel(workspace: SlackWorkspace, channelId: string): void;
}

/** Who administers changes rarely; five minutes is how long a lost right may still work. */
const KEPT_MS = 300_000;
const ENTRIES_MAX = 5000;
const MENTIONS_MAX = 20;

export function slackFacts(now: Now): SlackFacts {
  const kept = recentMap<{ readonly value: Promise<unknown>; readonly untilMs: number }>(ENTRIES_MAX);

  function cached<Value>(key: string, load: () => Promise<Value>): Promise<Value | undefined> {
    const found = kept.get(key);
    if (found !== undefined && found.untilMs > now()) return found.value as Promise<Value | undefined>;
    const value = load().catch(() => {
      kept.delete(key);
      return undefined;
    });
    kept.set(key, { value, untilMs: now() + KEPT_MS });
    return value;
  }

  const user: SlackFacts["user"] = (workspace, userId) =>
    cached(`user ${workspace.teamId} ${userId}`, async () => {
      const answer = await workspace.calls.run(lookUp("users.info"), (client) => client.users.info({ user: userId }));
      const found = answer.user;
      const isOwn = found?.team_id === undefined || found.team_id === workspace.teamId;
      return {
        name: found?.profile?.display_name || found?.real_name || found?.name || userId,
        isBot: found?.is_bot === true || userId === "USLACKBOT",
        // In a shared channel, another company's admins are admins of their own workspace only.
        isAdmin: isOwn && (found?.is_admin === true || found?.is_owner === true || found?.is_primary_owner === true),
      };
    });

  const channel: SlackFacts["channel"] = (workspace, channelId) =>
    cached(channelKey(workspace, channelId), async () => {
      const answer = await workspace.calls.run(lookUp("conversations.info"), (client) =>
        client.conversations.info({ channel: channelId }),
      );
      const found = answer.channel;
      const type = found?.is_im ? "im" : found?.is_mpim ? "mpim" : found?.is_private ? "group" : "channel";
      const isShared = found?.is_ext_shared === true || found?.is_org_shared === true;
      return { name: found?.name ?? channelId, visibility: visibilityOf(type, isShared) ?? "private" };
    });

  async function groupsOf(workspace: SlackWorkspace): Promise<ReadonlyMap<string, readonly string[]>> {
    const loaded = await cached(`groups ${workspace.teamId}`, async () => {
      const answer = await workspace.calls.run(lookUp("usergroups.list"), (client) =>
        client.usergroups.list({ include_users: true }),
      );
      const byUser = new Map<string, string[]>();
      for (const { id, users } of answer.usergroups ?? []) {
        for (const userId of users ?? []) if (id !== undefined) byUser.set(userId, [...(byUser.get(userId) ?? []), id]);
      }
      return byUser;
    });
    return loaded ?? new Map();
  }

  return {
    user,
    channel,
    async rolesOf(workspace, userId, settings) {
      if (settings.allowedRoles.length === 0 && settings.adminRoles.length === 0) return [];
      return (await groupsOf(workspace)).get(userId) ?? [];
    },
    async namesFor(workspace, mrkdwn) {
      const ids = mentionedIds(mrkdwn);
      const users = new Map<string, string>();
      const channels = new Map<string, string>();
      await Promise.all([
        ...ids.users
          .filter((id) => id !== workspace.botUserId)
          .slice(0, MENTIONS_MAX)
          .map(async (id) => users.set(id, (await user(workspace, id))?.name ?? id)),
        ...ids.channels
          .slice(0, MENTIONS_MAX)
          .map(async (id) => channels.set(id, (await channel(workspace, id))?.name ?? id)),
      ]);
      return { user: (id) => users.get(id), channel: (id) => channels.get(id) };
    },
    forgetChannel(workspace, channelId) {
      kept.delete(channelKey(workspace, channelId));
    },
  };
}

function channelKey(workspace: SlackWorkspace, channelId: string): string {
  return `channel ${workspace.teamId} ${channelId}`;
}

function lookUp(method: string) {
  return {
    method,
    what: "look up a person or channel",
    urgency: "must",
    isRepeatable: true,
    signal: AbortSignal.timeout(LOOK_UP_MS),
  } as const;
}

/** An event waits for these; Slack sends it again after 3 s. */
const LOOK_UP_MS = 1500;
