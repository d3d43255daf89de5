import { join } from "node:path";
import { onTestFinished } from "vitest";
import { watchSettings } from "#bots/watch-settings.ts";
import { type OpenCommands, openCommands } from "#compose/open-commands.ts";
import { trainerParts } from "#compose/open-trainer.ts";
import { placeSettingsOf } from "#compose/place-settings.ts";
import type { Stores } from "#compose/stores.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import type { Feedback } from "#core/feedback.ts";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { openDeletionLog } from "#store/files/deletion-log.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { memoryRateLimiter } from "#store/memory/rate-limiter.ts";
import type { World } from "../../fixtures/dashboard/open-world.ts";
import { SCRIPTED_BASE, scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";

const config = loadConfig({ ...readSystem(), argvSettings: [], environment: {}, workingDirectory: "/nowhere" });

/** The program's own commands on the store of a dashboard's world. */
export async function openTerminalCommands({ store, parts }: World): Promise<OpenCommands> {
  const { events, log } = parts;
  const stores: Stores = {
    ...store,
    events,
    files: await openFileStore(makeTempFolder(), Date.now),
    deletions: openDeletionLog(join(makeTempFolder(), "deletions.jsonl")),
    jobs: sqliteJobQueue({ database: store.jobsDatabase, now: Date.now }),
    rateLimiter: memoryRateLimiter(),
    describeOutage: () => undefined,
    describeProblem: () => undefined,
    close: async () => {},
  };
  const settings = await watchSettings(
    store.settings,
    events,
    (place, given) => placeSettingsOf(config, place, given),
    log,
  );
  onTestFinished(() => settings.stop());
  const engine = scriptedEngine((question) => ({ text: question }));
  return openCommands(
    config,
    stores,
    {
      serving: { engine, base: SCRIPTED_BASE },
      settings,
      trainer: trainerParts(config, stores, log),
      engine,
      domains: ["technical", "support"],
      collectFeedback: async (feedback) => (await parts.collectFeedback(feedback)) as Feedback | undefined,
      acceptMessage: async () => {},
      tellAdmins: async () => {},
    },
    log,
  );
}
