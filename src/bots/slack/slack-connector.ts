import { createHmac } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { App, type HTTPReceiver, type Receiver } from "@slack/bolt";
import type { Intake, PostedPlace } from "#bots/intake.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { ConnectorLimits, PlatformConnector } from "#bots/platform-connector.ts";
import type { Now } from "#core/clock.ts";
import { describeError, PlatformRefusedError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { SharedWindows } from "#store/shared-windows.ts";
import { slackCommands } from "./accept-commands.ts";
import { slackEvents } from "./accept-events.ts";
import { catchUp } from "./catch-up.ts";
import { emojiName } from "./emoji-names.ts";
import { listen } from "./listen.ts";
import { BOT_SCOPES } from "./manifest-needs.ts";
import { readSlackFile } from "./read-file.ts";
import { renderMarkdown } from "./render-markdown.ts";
import { MARKDOWN_CHARS_MAX } from "./reply-blocks.ts";
import { sdkLogger } from "./sdk-logger.ts";
import { type Seal, sealedInstallations, workspaceIdOf } from "./sealed-installations.ts";
import { slackAgent } from "./slack-agent.ts";
import { slackFacts } from "./slack-facts.ts";
import { slackNotices } from "./slack-notices.ts";
import { acknowledgeAfterwards, openHttpReceiver, openSocketLine, type SocketLine } from "./slack-receiver.ts";
import { refusalOf, slackErrorOf } from "./slack-refusals.ts";
import { EDIT_INTERVAL_MS, slackReplies } from "./slack-replies.ts";
import { slackThreads } from "./slack-threads.ts";
import { openWorkspaces, type SlackWorkspace } from "./slack-workspaces.ts";
import { untilReached } from "./until-reached.ts";

export interface SlackOptions {
  readonly credentials: SlackCredentials;
  readonly mode: "socket" | "http";
  /** Where events arrive (http) and workspaces install the app (with a client id, both modes). */
  readonly host: string;
  readonly port: number;
  /** Undefined: Slack's own. */
  readonly apiUrl: string | undefined;
  readonly streaming: "auto" | "edits";
  /** How long a call of Slack's Web API is waited for; 15 s when undefined. */
  readonly callTimeoutMs?: number;
  readonly settings: SettingsWatch;
  readonly platforms: PlatformStore;
  readonly seal: Seal;
  /** Where other processes call Slack for the same workspaces. */
  readonly windows?: SharedWindows | undefined;
  /** Where other processes write replies into them. */
  readonly live?: LiveProcesses | undefined;
  readonly now: Now;
  /** Slack's limits are counted by this clock; `now` when undefined. */
  readonly limitsNow?: Now;
  readonly log: Log;
}

export interface SlackCredentials {
  /** Of the one workspace that the app's owner installed it into. */
  readonly botToken?: string | undefined;
  readonly appToken?: string | undefined;
  readonly signingSecret?: string | undefined;
  /** With both, other workspaces can install the app. */
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
}

export interface SlackConnector extends PlatformConnector {
  /** Of the HTTP server; undefined where none runs. */
  port(): number | undefined;
}

const CALL_TIMEOUT_MS = 15_000;
const STREAM_INTERVAL_MS = 250;
/** Slack's own rule is one message a second and channel, with short bursts. */
const CHANNEL_PACE = { writes: 3, perMs: 3000 };

export function createSlackConnector(options: SlackOptions): SlackConnector {
  const { credentials, settings, platforms, now, log, callTimeoutMs = CALL_TIMEOUT_MS } = options;
  const limitsNow = options.limitsNow ?? now;
  const installations = sealedInstallations(platforms, options.seal, now);
  const workspaces = openWorkspaces({
    botToken: credentials.botToken,
    apiUrl: options.apiUrl,
    installations,
    callTimeoutMs,
    windows: options.windows,
    now: limitsNow,
    log,
  });
  const stopping = new AbortController();
  // Every call that waits for room in its channel listens to it.
  setMaxListeners(0, stopping.signal);
  const facts = slackFacts(now);
  const onFailed = (error: unknown) => log.warn({ err: error }, "slack.side-call-failed");
  const threads = slackThreads(platforms, now, onFailed);
  const agent = slackAgent(workspaces, onFailed);
  const notices = slackNotices(workspaces, settings, (error) =>
    log.warn({ reason: describeError(error) }, "slack.admin-channel-refused"),
  );
  const replies = slackReplies({
    workspaces,
    streaming: options.streaming,
    live: options.live,
    onPosted: ({ workspaceId, channelId, threadId }) => {
      if (threadId !== undefined) threads.join(workspaceId, channelId, threadId);
    },
    callTimeoutMs,
    signal: stopping.signal,
    now: limitsNow,
    log,
  });
  const running: { readonly stop: () => Promise<unknown> }[] = [];
  let line: SocketLine | undefined;
  let server: { readonly address: () => AddressInfo | string | null } | undefined;
  let started: { readonly intake: Intake; readonly events: ReturnType<typeof slackEvents> } | undefined;

  /** The message that was pressed, else whatever is being written there. */
  async function stopReply(
    intake: Intake,
    place: Omit<PostedPlace, "messageId">,
    messageIds: readonly string[],
  ): Promise<void> {
    const { workspaceId, channelId, threadId } = place;
    const asked = agent.busyWith(workspaceId, channelId, threadId);
    const candidates = [
      ...messageIds,
      ...replies.growingIn(workspaceId, channelId, threadId).map(({ messageId }) => messageId),
      ...(asked === undefined ? [] : [asked]),
    ];
    for (const messageId of new Set(candidates)) if (await intake.stopReply({ ...place, messageId })) return;
  }

  /** The own workspace may have removed the app: the others are served all the same. */
  async function signIn(): Promise<SlackWorkspace | undefined> {
    try {
      return await untilReached(() => workspaces.signIn(), { signal: stopping.signal, log });
    } catch (error) {
      const isRefused = error instanceof PlatformRefusedError && error.reason === "credentials";
      if (!isRefused || (await workspaces.list()).length === 0) throw error;
      log.error({ reason: describeError(error) }, "slack.workspace-refused");
      return undefined;
    }
  }

  function installOptions(intake: Intake) {
    const { clientId, clientSecret } = credentials;
    if (clientId === undefined || clientSecret === undefined) return undefined;
    return {
      clientId,
      clientSecret,
      stateSecret: createHmac("sha256", clientSecret).update("reactune install state").digest("hex"),
      scopes: [...BOT_SCOPES],
      installerOptions: {
        directInstall: true,
        ...(options.apiUrl === undefined ? {} : { clientOptions: { slackApiUrl: options.apiUrl } }),
      },
      installationStore: {
        async storeInstallation(installation: Parameters<typeof installations.save>[0]) {
          const { teamId, installerId } = await installations.save(installation);
          workspaces.forget(teamId);
          log.info({ workspaceId: workspaceIdOf(teamId) }, "slack.installed");
          await intake.acceptPlaceEvent({
            kind: "joined",
            workspaceId: workspaceIdOf(teamId),
            isNew: true,
            adminId: installerId,
          });
        },
        async fetchInstallation(): Promise<never> {
          throw new Error("Cannot read an installation here: workspaces are looked up by their id");
        },
      },
    };
  }

  async function openApp(receiver: Receiver, intake: Intake): Promise<void> {
    const events = slackEvents({
      intake,
      settings,
      facts,
      threads,
      onDirectThread: (workspace, thread, messageId, text) => {
        agent.nameThread(workspace, thread, messageId, text).catch(onFailed);
      },
      onNotUnderstood: (problem) => log.warn({ problem }, "slack.event-not-understood"),
      now,
    });
    const stop = (place: PostedPlace) => stopReply(intake, place, [place.messageId]);
    const app = new App({
      receiver: acknowledgeAfterwards(receiver, log),
      // Bolt asks this for every event; an unknown workspace is refused before any listener runs.
      authorize: async ({ teamId }) => {
        const workspace = await workspaces.find(teamId ?? "");
        if (workspace === undefined) throw new Error("the app is not installed in this workspace");
        const { botToken, botUserId, botId } = workspace;
        return { teamId: workspace.teamId, botToken, botUserId, ...(botId === undefined ? {} : { botId }) };
      },
      logger: sdkLogger(log),
      // Bolt would keep every conversation in memory.
      convoStore: false,
      ignoreSelf: false,
      ...(options.apiUrl === undefined ? {} : { clientOptions: { slackApiUrl: options.apiUrl } }),
    });
    app.error(async (error) => {
      throw error;
    });
    listen(app, {
      intake,
      workspaces,
      installations,
      facts,
      agent,
      events,
      commands: slackCommands({ intake, settings, facts, notices, stop, now }),
      stopSession: (place, messageIds) => stopReply(intake, place, messageIds),
      now,
      log,
    });
    started = { intake, events };
  }

  async function openServer(receiver: HTTPReceiver): Promise<void> {
    const { host, port } = options;
    server = await receiver.start({ host, port }).catch((cause: unknown) => {
      if (!(cause instanceof Error && "syscall" in cause)) throw cause;
      const why = "code" in cause && cause.code === "EADDRINUSE" ? "the port is taken" : "the system does not let it";
      const hint =
        "Mend slack.host or slack.port; each process of a machine that takes Slack's calls needs a port of its own";
      throw new PlatformRefusedError(`listen for Slack on ${host}:${port}: ${why}`, "invalid", hint, { cause });
    });
    running.push(receiver);
  }

  return {
    platform: "slack",
    limits: limitsOf(options.streaming),
    render: renderMarkdown,
    ...replies,
    port() {
      const address = server?.address();
      return typeof address === "object" && address !== null ? address.port : undefined;
    },
    async start(intake) {
      const own = await signIn();
      const install = installOptions(intake);
      if (options.mode === "http") {
        const { signingSecret } = credentials;
        if (signingSecret === undefined) throw missing("the signing secret", "SLACK_SIGNING_SECRET");
        const receiver = openHttpReceiver({ signingSecret, takesEvents: true, install, now, log });
        await openApp(receiver, intake);
        await openServer(receiver);
      } else {
        const { appToken } = credentials;
        if (appToken === undefined) throw missing("the app-level token", "SLACK_APP_TOKEN");
        const opened = openSocketLine({ appToken, apiUrl: options.apiUrl, now, log });
        line = opened;
        running.push(opened);
        await openApp(opened.receiver, intake);
        await untilReached(() => opened.start(), { signal: stopping.signal, log }).catch((error: unknown) => {
          throw refusalOf(error, "open a socket");
        });
        if (install !== undefined) {
          await openServer(openHttpReceiver({ signingSecret: "", takesEvents: false, install, now, log }));
        }
      }
      log.info({ mode: options.mode, workspaceId: own?.workspaceId, port: this.port() }, "slack.started");
      for (const { workspaceId, installerId } of await workspaces.list()) {
        const admin = installerId === undefined ? {} : { adminId: installerId };
        await intake.acceptPlaceEvent({ kind: "joined", workspaceId, isNew: false, ...admin });
      }
    },
    isConnected: () => started !== undefined && (line === undefined || line.isConnected()),
    showBusy: agent.showBusy,
    async offerEmoji({ workspaceId, channelId, messageId }, emoji) {
      const workspace = await workspaces.get(workspaceId);
      const kind = { method: "reactions.add", what: "offer emoji", urgency: "must", isRepeatable: true } as const;
      for (const name of emoji.map(emojiName)) {
        if (name === undefined) continue;
        await workspace.calls
          .run(kind, (client) => client.reactions.add({ channel: channelId, timestamp: messageId, name }))
          .catch((error: unknown) => {
            if (slackErrorOf(error) !== "already_reacted" && slackErrorOf(error) !== "invalid_name") throw error;
          });
      }
    },
    tell: notices.tell,
    async readAttachment(attachment, workspaceId, bytesMax, signal) {
      const workspace = await workspaces.get(workspaceId);
      return await readSlackFile(workspace, attachment, { bytesMax, signal, apiUrl: options.apiUrl });
    },
    async catchUp(missed) {
      if (started === undefined) throw new Error("Cannot catch up: the connector has not started");
      await catchUp({ ...started, workspaces, facts, now, log, signal: stopping.signal }, missed);
    },
    async stop() {
      stopping.abort(new Error("Cannot connect to Slack: the program is stopping"));
      const closing = Promise.allSettled(running.splice(0).map((one) => one.stop()));
      // A client that keeps its connection open must not hold up the end.
      await Promise.race([closing, sleep(STOP_MS, undefined, { ref: false })]);
      server = undefined;
      started = undefined;
    },
  };
}

const STOP_MS = 2000;

export function limitsOf(streaming: SlackOptions["streaming"]): ConnectorLimits {
  return {
    messageCharsMax: MARKDOWN_CHARS_MAX,
    editIntervalMs: streaming === "auto" ? STREAM_INTERVAL_MS : EDIT_INTERVAL_MS,
    channelPace: CHANNEL_PACE,
  };
}

function missing(what: string, variable: string): PlatformRefusedError {
  return new PlatformRefusedError(
    `start Slack: ${what} is missing`,
    "credentials",
    `Set ${variable} with \`reactune setup\``,
  );
}
