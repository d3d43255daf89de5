import { createHash } from "node:crypto";
import { webApi } from "@slack/bolt";
import type { Now } from "#core/clock.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { SharedWindows } from "#store/shared-windows.ts";
import { sdkLogger } from "./sdk-logger.ts";
import { type SealedInstallations, teamIdOf, workspaceIdOf } from "./sealed-installations.ts";
import { createSlackCalls, type SlackCalls } from "./slack-calls.ts";
import { refusalOf } from "./slack-refusals.ts";

/** One workspace that the bot is in. */
export interface SlackWorkspace {
  readonly teamId: string;
  readonly workspaceId: string;
  readonly botToken: string;
  readonly botUserId: string;
  readonly botId: string | undefined;
  /** The app is declared an agent (or assistant): its direct messages are threads, with status, title and prompts. */
  readonly isAgent: boolean;
  /** Who installed the app, where that is known. */
  readonly installerId: string | undefined;
  readonly calls: SlackCalls;
}

export interface SlackWorkspaces {
  /** Undefined when the app is not installed there. Rejects as the store does. */
  find(teamId: string): Promise<SlackWorkspace | undefined>;
  /** Rejects with PlatformRefusedError when the app is not installed there (any more). */
  get(workspaceId: string): Promise<SlackWorkspace>;
  list(): Promise<readonly SlackWorkspace[]>;
  /** Asks Slack whose the configured token is. Rejects with PlatformRefusedError when Slack refuses it. */
  signIn(): Promise<SlackWorkspace | undefined>;
  /** The next use reads the installation anew. */
  forget(teamId: string): void;
}

export interface WorkspacesParts {
  readonly botToken: string | undefined;
  readonly apiUrl: string | undefined;
  readonly installations: SealedInstallations;
  readonly callTimeoutMs: number;
  /** Where other processes call Slack for the same workspaces. */
  readonly windows?: SharedWindows | undefined;
  readonly now: Now;
  readonly log: Log;
}

const AGENT_SCOPE = "assistant:write";

export function openWorkspaces(parts: WorkspacesParts): SlackWorkspaces {
  const known = new Map<string, Promise<SlackWorkspace | undefined>>();
  let signedIn: SlackWorkspace | undefined;

  /** By its token: it is known before the workspace is. */
  function callsOf(token: string) {
    const { windows, now } = parts;
    const name = createHash("sha256").update(token).digest("hex").slice(0, 16);
    return createSlackCalls(openClient(token, parts), now, windows && { windows, name: `slack ${name}` });
  }

  async function load(teamId: string): Promise<SlackWorkspace | undefined> {
    const stored = await parts.installations.find(teamId);
    if (stored === undefined) return undefined;
    return {
      teamId,
      workspaceId: workspaceIdOf(teamId),
      botToken: stored.botToken,
      botUserId: stored.botUserId,
      botId: stored.botId,
      isAgent: stored.scopes.includes(AGENT_SCOPE),
      installerId: stored.installerId,
      calls: callsOf(stored.botToken),
    };
  }

  function find(teamId: string): Promise<SlackWorkspace | undefined> {
    if (signedIn?.teamId === teamId) return Promise.resolve(signedIn);
    const loading = known.get(teamId) ?? load(teamId);
    known.set(teamId, loading);
    // What failed or is not there now may be there later.
    loading.then(
      (found) => found === undefined && known.delete(teamId),
      () => known.delete(teamId),
    );
    return loading;
  }

  return {
    find,
    async get(workspaceId) {
      const found = await find(teamIdOf(workspaceId));
      if (found === undefined) {
        throw new PlatformRefusedError(
          `reach workspace "${workspaceId}": the app is not installed there`,
          "credentials",
          "Install the app into the workspace again (`reactune invite` prints the way)",
        );
      }
      return found;
    },
    async list() {
      const stored = await parts.installations.list();
      const others = stored.filter(({ teamId }) => teamId !== signedIn?.teamId);
      const found = await Promise.all(others.map(({ teamId }) => find(teamId)));
      return [...(signedIn === undefined ? [] : [signedIn]), ...found.filter((one) => one !== undefined)];
    },
    async signIn() {
      if (parts.botToken === undefined) return undefined;
      const calls = callsOf(parts.botToken);
      const kind = { method: "auth.test", what: "sign in to Slack", urgency: "must", isRepeatable: true } as const;
      const who = await calls.run(kind, (client) => client.auth.test());
      if (who.team_id === undefined || who.user_id === undefined) {
        throw refusalOf(new Error("auth.test named no team"), kind.what);
      }
      if (who["is_enterprise_install"] === true) throw ofOrganisation();
      signedIn = {
        teamId: who.team_id,
        workspaceId: workspaceIdOf(who.team_id),
        botToken: parts.botToken,
        botUserId: who.user_id,
        botId: who.bot_id,
        isAgent: who.response_metadata?.scopes?.includes(AGENT_SCOPE) ?? false,
        installerId: undefined,
        calls,
      };
      return signedIn;
    },
    forget(teamId) {
      if (signedIn?.teamId === teamId) signedIn = undefined;
      known.delete(teamId);
    },
  };
}

function ofOrganisation(): PlatformRefusedError {
  return new PlatformRefusedError(
    "sign in to Slack: the bot token is of a whole organisation",
    "credentials",
    "Install the app into one workspace, not into a whole organisation, and run `reactune setup slack`",
  );
}

function openClient(token: string, { apiUrl, callTimeoutMs, log }: WorkspacesParts): webApi.WebClient {
  return new webApi.WebClient(token, {
    ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
    logger: sdkLogger(log),
    // Retrying is decided in SlackCalls, which knows what can be done twice.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: callTimeoutMs,
  });
}
