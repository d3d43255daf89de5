import { onTestFinished } from "vitest";
import { answerMessage } from "#bots/answer-message.ts";
import type { CommandCall, CommandReply } from "#bots/chat-command.ts";
import { createChatCommands } from "#bots/chat-commands.ts";
import { collectFeedback } from "#bots/collect-feedback.ts";
import type { CommandParts } from "#bots/command-parts.ts";
import { parseCommandText } from "#bots/command-text.ts";
import { allowLearning, LEARNING_WORDING, readLearning } from "#bots/learning-permission.ts";
import { createPrivacyActs } from "#bots/privacy-requests.ts";
import { createCommandRunner } from "#bots/run-command.ts";
import { watchSettings } from "#bots/watch-settings.ts";
import { placeSettingsOf, settingRules } from "#compose/place-settings.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { Turn } from "#core/turn.ts";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { memoryRateLimiter } from "#store/memory/rate-limiter.ts";
import { activateAdapter, listAdapters, rollBackAdapter } from "#trainer/activate-adapter.ts";
import { readWorkspaceReadiness } from "#trainer/read-readiness.ts";
import { type RequestParts, requestTraining } from "#trainer/request-training.ts";
import { EMOJI } from "../../fixtures/bots/fixed-settings.ts";
import { SCRIPTED_BASE, scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { type ChatWorldOptions, DOMAINS, openChatWorld, sha256 } from "./chat-world.ts";

export const PLACE = {
  platform: "discord",
  workspaceId: "discord:1",
  channelId: "c1",
  visibility: "public",
  userId: "ana",
} as const;

export const ADMIN = { userId: "boss", isAdmin: true } as const;

const config = loadConfig({ ...readSystem(), argvSettings: [], environment: {}, workingDirectory: "/nowhere" });

/** As small as a domain may be. */
const THRESHOLDS = {
  conversationsMin: 1,
  messagesMin: 2,
  feedbackMin: 1,
  scoreMeanMin: 3.5,
  examplesMin: 2,
  ratersMin: 1,
  newExamplesMin: 1,
};

/** The commands on the product's own use cases and store; only the model's words and the picture are written beforehand. */
export async function openCommandWorld(options: ChatWorldOptions = {}) {
  const world = await openChatWorld(options);
  const { store, events, lines, parts: answering, activateParts } = world;
  const { log, now, newId } = answering;
  const settings = await watchSettings(
    store.settings,
    events,
    (place, given) => placeSettingsOf(config, place, given),
    log,
  );
  onTestFinished(() => settings.stop());
  const engine = scriptedEngine((question) => ({ text: `You said: ${question}` }));
  const serving = { engine, base: SCRIPTED_BASE };
  const readiness = { thresholds: THRESHOLDS, days: 30 };
  const request: RequestParts = {
    ...store,
    events,
    now,
    newId,
    log,
    readiness,
    isEnabled: true,
    jobs: sqliteJobQueue({ database: store.jobsDatabase, now, pollMs: 20, retryMs: 1 }),
  };
  const told: { readonly workspaceId: string; readonly text: string }[] = [];
  const accepted: IncomingMessage[] = [];
  const domains = DOMAINS.map(({ id }) => id);
  const commandParts: CommandParts = {
    ...store,
    settingStore: store.settings,
    settings,
    events,
    rules: settingRules,
    configured: (key) => configuredText(key),
    engine,
    domains,
    training: {
      readReadiness: (workspace) => readWorkspaceReadiness(store.learning, workspace, domains, readiness, now()),
      request: (scope, by) => requestTraining(request, scope, { by }),
      listAdapters: () => listAdapters(store.learning, SCRIPTED_BASE.digest),
      activate: (digest, act) => activateAdapter(activateParts, serving, digest, act),
      rollBack: (scope, act) => rollBackAdapter(activateParts, scope, act),
    },
    permission: {
      wording: LEARNING_WORDING,
      read: (workspaceId) => readLearning(store.people, workspaceId),
      allow: (act) => allowLearning(request, act),
    },
    privacy: createPrivacyActs({ ...request, files: world.files, privacy: store.privacy }),
    collectFeedback: (given) =>
      collectFeedback({ chat: store.chat, cache: store.cache, events, emoji: EMOJI, textMaxChars: 6000, log }, given),
    async acceptMessage(eventId, message) {
      accepted.push(message);
      const turnId = `turn-${sha256(eventId).slice(0, 24)}`;
      await answerMessage(answering, world.connector, turnId, message, new AbortController().signal);
    },
    drawReadiness: async () => new Uint8Array([137, 80, 78, 71]),
    tellAdmins: async (workspaceId, text) => void told.push({ workspaceId, text }),
    now,
    newId,
    log,
  };
  const commands = createChatCommands(commandParts);
  const runnerParts = { settings, ...pick(store), rateLimiter: memoryRateLimiter(), now, newId, log };
  const runner = createCommandRunner(commands, runnerParts);
  let calls = 0;

  function callOf(command: string, given: Partial<CommandCall> = {}): CommandCall {
    world.clock.nowMs += 1000;
    calls++;
    return {
      ...PLACE,
      command,
      callId: `call-${calls}`,
      roles: [],
      isAdmin: false,
      options: new Map(),
      atMs: world.clock.nowMs,
      ...given,
    };
  }

  return {
    ...world,
    settings,
    commandParts,
    commands,
    runner,
    runnerParts,
    told,
    accepted,
    callOf,
    lines,
    request,
    /** Types a command as in Slack or the terminal; words that do not fit it come back as its reply. */
    async say(line: string, given: Partial<CommandCall> = {}): Promise<CommandReply> {
      const [, name = "", text = ""] = /^\/(\S+)\s*([\s\S]*)$/u.exec(line) ?? [];
      const command = commands.find((item) => item.name === name);
      if (command === undefined) return runner.run(callOf(name, given));
      const parsed = parseCommandText(command, text);
      return "problem" in parsed
        ? { text: parsed.problem }
        : runner.run(callOf(name, { options: parsed.options, ...given }));
    },
    /** Presses the button of a reply that asks to confirm. */
    async confirm(
      name: string,
      reply: CommandReply,
      options: ReadonlyMap<string, string>,
      given: Partial<CommandCall> = {},
    ) {
      if (reply.confirm === undefined) throw new Error(`Nothing to confirm: ${reply.text}`);
      return runner.run(callOf(name, { options: new Map([...options, ...reply.confirm.options]), ...given }));
    },
    askHere: (text: string, given: Partial<IncomingMessage> = {}): Promise<Turn> =>
      world.ask(text, { ...PLACE, ...given }),
    audit: () => store.people.listAudit(100),
  };
}

function pick({
  people,
  platforms,
}: {
  people: CommandParts["people"];
  platforms: Parameters<typeof createCommandRunner>[1]["platforms"];
}) {
  return { people, platforms };
}

function configuredText(key: string): string | undefined {
  const [section = "", name = ""] = key.split(".");
  const values: unknown = Object.entries(config).find(([known]) => known === section)?.[1];
  const value: unknown = Object.entries(values ?? {}).find(([known]) => known === name)?.[1];
  return value === undefined ? undefined : JSON.stringify(value instanceof Map ? Object.fromEntries(value) : value);
}
