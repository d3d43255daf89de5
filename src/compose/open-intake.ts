import type { Answering } from "#bots/answering.ts";
import { startCatchUp } from "#bots/catch-up.ts";
import { createFeedbackCollector, createIntake } from "#bots/create-intake.ts";
import type { Intake } from "#bots/intake.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import { startRetention } from "#bots/retention.ts";
import type { Config } from "#config/schema.ts";
import { describeError, isStoreOutage, OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { Platform } from "#core/scope.ts";
import type { BaseModel } from "#inference/inference-engine.ts";
import { forgetTurns } from "#trainer/withdraw-adapters.ts";
import { newId } from "./identity.ts";
import { type OpenCommands, openCommands } from "./open-commands.ts";
import type { OpenEngine } from "./open-inference.ts";
import { trainerParts } from "./open-trainer.ts";
import type { Stores } from "./stores.ts";

const START_WAIT_MS = 15_000;

export interface IntakeSurroundings {
  readonly connectors: ReadonlyMap<Platform, PlatformConnector>;
  readonly answering: Answering;
  readonly places: SettingsWatch;
  readonly domains: readonly string[];
  readonly opened: OpenEngine & { readonly base: BaseModel };
}

export interface OpenPlatforms {
  readonly collect: ReturnType<typeof createFeedbackCollector>;
  readonly commands: OpenCommands;
  /** Where events of every platform go; undefined for one that is off. */
  readonly intakeOf: (platform: Platform) => Intake | undefined;
  /** Begins to listen, and fetches what was missed. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What stands between the connectors and the use cases: intake, commands, catching up, retention. */
export function openPlatforms(
  config: Config,
  stores: Stores,
  { connectors, answering, places, domains, opened }: IntakeSurroundings,
  log: Log,
): OpenPlatforms {
  const shared = { ...stores, connectors, answering, places, now: Date.now, newId, log };
  const collect = createFeedbackCollector({ ...shared, textMaxChars: config.conversation.messageMaxChars });
  const trainer = trainerParts(config, stores, log);
  const commands = openCommands(
    config,
    stores,
    {
      serving: opened,
      settings: places,
      trainer,
      engine: opened.engine,
      domains,
      collectFeedback: collect,
      acceptMessage: (eventId, message) => answering.accept(eventId, message),
      tellAdmins: async (workspaceId, text) => {
        const connector = [...connectors.values()].find(({ platform }) => workspaceId.startsWith(`${platform}:`));
        await connector?.tell({ workspaceId, text });
      },
    },
    log,
  );
  const forget = (workspaceId: string, turnIds: readonly string[], reason: string) =>
    forgetTurns({ ...trainer.request, files: stores.files }, workspaceId, turnIds, { by: "reactune", reason });
  const intake = createIntake({
    ...shared,
    collect,
    ...commands,
    firstContactNotice: config.chat.firstContactNotice,
    hasPeers: config.servers.redisUrl !== undefined,
    forgetTurns: forget,
  });
  const running: { stop(): Promise<void> }[] = [];
  let isStopped = false;
  return {
    collect,
    commands,
    intakeOf: (platform) => (connectors.has(platform) ? intake : undefined),
    async start() {
      const { turnIds } = await stores.privacy.resumeErasures();
      for (const [workspaceId, ids] of await groupByWorkspace(stores, turnIds)) {
        await forget(workspaceId, ids, "an erasure that was cut short has ended");
      }
      for (const connector of connectors.values()) {
        const starting = isStarted(connector, () => connector.start(intake), log).then((isOn) => {
          if (isOn && !isStopped) running.push(startCatchUp({ ...shared, connector }));
        });
        await waitForStart(starting, (error) => {
          if (!isStopped) log.error({ platform: connector.platform, err: error }, "platform.not-started");
        });
      }
      running.push(startRetention(shared));
    },
    async stop() {
      isStopped = true;
      for (const one of running) await one.stop();
      for (const connector of connectors.values()) await connector.stop();
      await intake.settle();
    },
  };
}

/** Erased turns keep their ids and their place. */
async function groupByWorkspace(
  { chat }: Pick<Stores, "chat">,
  turnIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const groups = new Map<string, string[]>();
  for (const turnId of turnIds) {
    const turn = await chat.findTurn(turnId);
    if (turn === undefined) continue;
    const group = groups.get(turn.workspaceId);
    if (group === undefined) groups.set(turn.workspaceId, [turnId]);
    else group.push(turnId);
  }
  return groups;
}

/** A platform that is away begins when it is back; whatever else there is does not wait for it. */
async function waitForStart(starting: Promise<void>, onLateFailure: (error: unknown) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, START_WAIT_MS, "late");
  });
  const end = await Promise.race([starting, patience]);
  clearTimeout(timer);
  if (end === "late") starting.catch(onLateFailure);
}

/** One platform that refuses its credentials, or cannot be reached, takes no other down. */
async function isStarted({ platform }: PlatformConnector, start: () => Promise<void>, log: Log): Promise<boolean> {
  try {
    await start();
    return true;
  } catch (error) {
    // Nobody would start it again when the store is back: the process ends, and waits for the store at its next start.
    if (platform === "local" || isStoreOutage(error) || !(error instanceof OperatingError)) throw error;
    log.error({ platform, reason: describeError(error) }, "platform.not-started");
    return false;
  }
}
