import type { ChatCommand } from "#bots/chat-command.ts";
import { createChatCommands } from "#bots/chat-commands.ts";
import type { CommandParts } from "#bots/command-parts.ts";
import { allowLearning, LEARNING_WORDING, readLearning } from "#bots/learning-permission.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import { createPrivacyActs } from "#bots/privacy-requests.ts";
import { type CommandRunner, createCommandRunner } from "#bots/run-command.ts";
import type { Config } from "#config/schema.ts";
import { TrainingUnavailableError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { Readiness } from "#core/readiness.ts";
import type { Platform } from "#core/scope.ts";
import { activateAdapter, listAdapters, rollBackAdapter, type ServingEngine } from "#trainer/activate-adapter.ts";
import { readWorkspaceReadiness } from "#trainer/read-readiness.ts";
import { requestTraining } from "#trainer/request-training.ts";
import { newId } from "./identity.ts";
import type { OpenTrainer } from "./open-trainer.ts";
import { settingRules } from "./place-settings.ts";
import type { Stores } from "./stores.ts";
import { missingForRequest } from "./training-mark.ts";
import { readinessSettings } from "./training-settings.ts";

export interface CommandSurroundings
  extends Pick<CommandParts, "domains" | "engine" | "collectFeedback" | "acceptMessage" | "tellAdmins"> {
  readonly serving: ServingEngine;
  readonly settings: SettingsWatch;
  readonly trainer: Pick<OpenTrainer, "request" | "activate">;
}

export interface OpenCommands {
  readonly commands: readonly ChatCommand[];
  readonly runner: CommandRunner;
}

/** The commands of every platform, bound to the program's parts. */
export function openCommands(
  config: Config,
  stores: Stores,
  { serving, settings, trainer, ...surroundings }: CommandSurroundings,
  log: Log,
): OpenCommands {
  const shared = { ...stores, settings, now: Date.now, newId, log };
  const commands = createChatCommands({
    ...shared,
    ...surroundings,
    settingStore: stores.settings,
    rules: settingRules,
    configured: (key, platform) => configuredValue(config, key, platform),
    training: {
      readReadiness: async ({ workspaceId, audience }) => {
        const scope = { workspaceId, audience, domain: "" };
        return readWorkspaceReadiness(
          stores.learning,
          scope,
          surroundings.domains,
          readinessSettings(config),
          Date.now(),
        );
      },
      request: async (scope, by) => {
        const missing = await missingForRequest(config, stores.live);
        if (missing !== undefined) throw new TrainingUnavailableError(missing.why.toLowerCase(), missing.hint);
        return requestTraining(trainer.request, scope, { by });
      },
      listAdapters: () => listAdapters(stores.learning, serving.base.digest),
      activate: (digest, act) => activateAdapter(trainer.activate, serving, digest, act),
      rollBack: (scope, act) => rollBackAdapter(trainer.activate, scope, act),
    },
    permission: {
      wording: LEARNING_WORDING,
      read: (workspaceId) => readLearning(stores.people, workspaceId),
      allow: (act) => allowLearning(trainer.request, act),
    },
    privacy: createPrivacyActs({ ...trainer.request, files: stores.files, privacy: stores.privacy }),
    drawReadiness,
  });
  const runner = createCommandRunner(commands, { ...shared, rateLimiter: stores.rateLimiter });
  return { commands, runner };
}

/** Charts come with a megabyte of code: only an admin who looks waits for them. */
async function drawReadiness(title: string, readiness: Readiness): Promise<Uint8Array> {
  const [{ readinessBars }, { svgToPng }] = await Promise.all([
    import("#charts/readiness-bars.ts"),
    import("#charts/svg-to-png.ts"),
  ]);
  return svgToPng(readinessBars(title, readiness));
}

function configuredValue(config: Config, key: string, platform: Platform): string | undefined {
  if (key === "chat.offerEmoji") return JSON.stringify(platform === "local" ? false : config[platform].offerEmoji);
  if (key === "feedback.emoji") return JSON.stringify(Object.fromEntries(config.feedback.emoji));
  const [section = "", name = ""] = key.split(".");
  const values: unknown = Object.entries(config).find(([candidate]) => candidate === section)?.[1];
  if (typeof values !== "object" || values === null) return undefined;
  const value: unknown = Object.entries(values).find(([candidate]) => candidate === name)?.[1];
  return value === undefined ? undefined : JSON.stringify(value);
}
