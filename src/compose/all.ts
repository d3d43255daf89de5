import { join } from "node:path";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import { startNewConversation } from "#bots/place-conversation.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import type { EventRecorder } from "#commands/record-events.ts";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { DomainUnknownError, TrainingUnavailableError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { LearningScope } from "#core/scope.ts";
import type { DashboardParts } from "#dashboard/dashboard-parts.ts";
import { activateAdapter, rollBackAdapter } from "#trainer/activate-adapter.ts";
import { readWorkspaceReadiness } from "#trainer/read-readiness.ts";
import { readReportFigures } from "#trainer/report-files.ts";
import { cancelTraining, requestTraining } from "#trainer/request-training.ts";
import { runFiles } from "#trainer/run-files.ts";
import { dataPaths } from "./data-paths.ts";
import { recordWithoutErased } from "./follow-deletions.ts";
import { newId } from "./identity.ts";
import { listenNear } from "./listen-near.ts";
import type { Metrics } from "./metrics.ts";
import { mirrorDeletions } from "./mirror-deletions.ts";
import { type OpenChat, openChat } from "./open-chat.ts";
import { openConnectors } from "./open-connectors.ts";
import { openOperations, readEngineUnready } from "./open-operations.ts";
import { openPatiently } from "./open-patiently.ts";
import { openServingEngine } from "./open-serving.ts";
import { openStores } from "./open-stores.ts";
import { type OpenTrainer, openTrainer } from "./open-trainer.ts";
import { describePlatforms } from "./platforms.ts";
import { openWebSetup } from "./program-setup.ts";
import { announceServer } from "./running-server.ts";
import { markServing } from "./serving-mark.ts";
import type { Stores } from "./stores.ts";
import { noTracing, openTracing } from "./tracing.ts";
import { markTraining, missingForRequest } from "./training-mark.ts";
import { readinessSettings } from "./training-settings.ts";
import { readVersion } from "./version.ts";

/** What one process does of the whole. Several processes meet in the stores alone. */
export type Role = "bots" | "trainer" | "dashboard";

export const ALL_ROLES: readonly Role[] = ["bots", "trainer", "dashboard"];

export interface RunningProgram {
  /** Of the web chat; undefined when `web.enabled` is off, or the process has no dashboard. */
  readonly url?: string;
  /** Where supervisors ask for health and figures. */
  readonly operationsUrl?: string;
  /** Undefined in a trainer, which opens the model when it needs it. */
  readonly model?: { readonly name: string; readonly isStandIn: boolean };
  close(): Promise<void>;
}

export interface StartOptions {
  readonly roles: readonly Role[];
  readonly isPortGiven: boolean;
  readonly envFile?: string | undefined;
  readonly metrics?: Metrics;
  /** Listens in between platforms and the intake. */
  readonly recorder?: EventRecorder;
}

/** The whole product in one process, or the parts of it that `roles` names: chat platforms, learning and schedule, web. */
export async function startAll(config: Config, options: StartOptions, log: Log): Promise<RunningProgram> {
  const { recorder } = options;
  const watch = (connector: PlatformConnector) => recorder?.watch(connector) ?? connector;
  const has = (role: Role) => options.roles.includes(role);
  const operations = await openOperations(config.operations, options.metrics);
  const patience = { onWait: operations.tellWait, log };
  const own = await openPatiently("the stores", () => openStores(config, log), patience);
  // With SQLite the log lies beside the one file that every process of the machine opens.
  const opened = config.servers.mongodbUri === undefined ? own : mirrorDeletions(own, log);
  const stores = recorder === undefined ? opened : await recordWithoutErased(opened, recorder, log);
  const endServing = stores.live === undefined ? undefined : markServing(config, stores.live);
  const endTraining = stores.live === undefined || !has("trainer") ? undefined : markTraining(config, stores.live);
  const openEngine = () => openPatiently("the model", () => openServingEngine(config, log), patience);
  const { tracesUrl } = config.operations;
  const tracing =
    tracesUrl === undefined
      ? noTracing
      : await openTracing({ url: tracesUrl, version: readVersion(), role: options.roles.join("+") });
  const { createLocalConnector } = await import("#bots/local/local-connector.ts");
  const connector = createLocalConnector({ now: Date.now, newId });
  const chat =
    has("bots") || has("dashboard")
      ? await openChat(config, stores, has("dashboard") ? [watch(connector)] : [], log, {
          openEngine,
          tracing,
          openOthers: async (settings) =>
            has("bots") ? (await openConnectors(config, stores.platforms, settings, log, stores)).map(watch) : [],
        })
      : undefined;
  const serving = openOnce(() => openServingEngine(config, log));
  const trainer = openTrainer(config, stores, async () => chat?.opened ?? serving.open(), log);
  if (has("trainer")) {
    trainer.work();
    await trainer.schedule();
  }
  const web =
    chat !== undefined && has("dashboard") && config.web.enabled
      ? await listenNear(
          await openDashboard(config, stores, { chat, trainer, connector, envFile: options.envFile }, log),
          config.web,
          options.isPortGiven,
          log,
        )
      : undefined;
  const base = chat?.opened.base;
  const withdraw =
    web === undefined || base === undefined ? undefined : await announceServer(config, web.url, readVersion(), base);
  const engine = chat?.opened.engine;
  operations.watch({ stores, ...(engine === undefined ? {} : { engine }) });
  return {
    ...(web === undefined ? {} : { url: web.url }),
    ...(operations.url === undefined ? {} : { operationsUrl: operations.url }),
    ...(base === undefined ? {} : { model: { name: base.name, isStandIn: base.isStandIn } }),
    async close() {
      await withdraw?.();
      await web?.close();
      await trainer.close();
      await chat?.close();
      await serving.close();
      await operations.close();
      await tracing.close();
      await endTraining?.();
      await endServing?.();
      await stores.close();
    },
  };
}

/** Opened when it is first asked for, and not at all when nobody asks. One that could not be opened is tried again. */
function openOnce<T extends { close(): Promise<void> }>(open: () => Promise<T>) {
  let opened: Promise<T> | undefined;
  return {
    open() {
      opened ??= open().catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      return opened;
    },
    close: async () => (await opened?.catch(() => undefined))?.close(),
  };
}

/** What the local workspace learns from: its public audience. */
export function localScope(domain: string): LearningScope {
  return { workspaceId: LOCAL_WORKSPACE_ID, audience: "public", domain };
}

async function openDashboard(
  config: Config,
  stores: Stores,
  {
    chat,
    trainer,
    connector,
    envFile,
  }: {
    readonly chat: OpenChat;
    readonly trainer: OpenTrainer;
    readonly connector: DashboardParts["localChat"];
    readonly envFile: string | undefined;
  },
  log: Log,
) {
  const { createDashboard } = await import("#dashboard/dashboard.ts");
  const domains = chat.domains.map((domain) => domain.id);
  const scopeOf = (domain: string) => {
    if (!domains.includes(domain)) throw new DomainUnknownError(domain, domains);
    return localScope(domain);
  };
  const parts: DashboardParts = {
    chat: stores.chat,
    learning: stores.learning,
    cache: stores.cache,
    localChat: connector,
    events: stores.events,
    now: Date.now,
    newId,
    log,
    hosts: config.web.host === "127.0.0.1" ? [] : [config.web.host],
    pagesDirectory: join(programDirectory, "dist", "pages"),
    readState: async () => {
      const missing = await missingForRequest(config, stores.live);
      const { name, digest, isStandIn } = chat.opened.base;
      return {
        version: readVersion(),
        assistantName: config.assistant.name,
        model: { name, digest, isStandIn },
        domains: chat.domains.map(({ id, description, examples }) => ({
          id,
          title: description,
          exampleQuestions: examples.slice(0, 3),
        })),
        training: missing === undefined ? { isAvailable: true } : { isAvailable: false, ...missing },
        platforms: describePlatforms(config),
        messageCharsMax: config.conversation.messageMaxChars,
      };
    },
    readUnready: async () => stores.describeOutage() ?? (await readEngineUnready(chat.opened.engine)),
    describeProblem: stores.describeProblem,
    readReadiness: () =>
      readWorkspaceReadiness(stores.learning, localScope(""), domains, readinessSettings(config), Date.now()),
    readRunFigures: (runId) => readReportFigures(runFiles(dataPaths(config.data).runs, runId).directory),
    requestTraining: async (domain, by) => {
      const missing = await missingForRequest(config, stores.live);
      if (missing !== undefined) throw new TrainingUnavailableError(missing.why.toLowerCase(), missing.hint);
      return requestTraining(trainer.request, scopeOf(domain), { by });
    },
    cancelRun: (runId, by) => cancelTraining(trainer.request, runId, by),
    activateAdapter: async (digest, by) => {
      await activateAdapter(trainer.activate, chat.opened, digest, { by, reason: "chosen on the dashboard" });
    },
    rollBack: async (domain, by) => {
      await rollBackAdapter(trainer.activate, scopeOf(domain), { by, reason: "rolled back on the dashboard" });
    },
    stopTurn: (turnId) => chat.answering.stopReply(turnId),
    startNewConversation: async (place) => {
      await startNewConversation(stores.chat, { workspaceId: LOCAL_WORKSPACE_ID, ...place }, Date.now());
    },
    collectFeedback: chat.collect,
    intakeOf: chat.intakeOf,
    chatCommands: chat.commands,
    ...(isLoopback(config.web.host) ? { setup: openWebSetup(config, envFile) } : {}),
  };
  return createDashboard(parts);
}

/** Credentials are entered on this computer only. */
function isLoopback(host: string): boolean {
  return ["127.0.0.1", "::1", "localhost"].includes(host);
}
