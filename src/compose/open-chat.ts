import { answerMessage } from "#bots/answer-message.ts";
import type { AnswerParts } from "#bots/answer-parts.ts";
import { type Answering, startAnswering } from "#bots/answering.ts";
import { collectFeedback } from "#bots/collect-feedback.ts";
import { createIntake } from "#bots/create-intake.ts";
import type { Intake } from "#bots/intake.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { PlatformConnector, PlatformFeedback } from "#bots/platform-connector.ts";
import { type ExampleFinder, openExampleFinder } from "#bots/retrieve-examples.ts";
import { createDomainRouter } from "#bots/route-domain.ts";
import { watchSettings } from "#bots/watch-settings.ts";
import { readDomains } from "#config/domains.ts";
import type { Config } from "#config/schema.ts";
import type { Domain } from "#core/domain.ts";
import { describeError, OperatingError } from "#core/errors.ts";
import type { Score } from "#core/feedback.ts";
import type { Log } from "#core/log.ts";
import type { Platform } from "#core/scope.ts";
import { embedOnce } from "#inference/embed-once.ts";
import type { Embedder } from "#inference/embedder.ts";
import { createSystemPrompt } from "#inference/reply-language.ts";
import { openKnownAdapter } from "#trainer/activate-adapter.ts";
import { type ServiceWatch, watchServices } from "#trainer/service-watch.ts";
import { newId, processName, sha256, turnIdOf } from "./identity.ts";
import { type OpenCommands, openCommands } from "./open-commands.ts";
import { type OpenEngine, openEmbedding, openEngine } from "./open-inference.ts";
import type { Stores } from "./open-stores.ts";
import { trainerParts } from "./open-trainer.ts";
import { placeSettingsOf } from "./place-settings.ts";

/** Everything between a platform's event and the reply. */
export interface OpenChat {
  readonly opened: OpenEngine;
  readonly domains: readonly Domain[];
  readonly answering: Answering;
  readonly services: ServiceWatch;
  readonly hasEmbedder: boolean;
  /** For the terminal and the pages, which call them without a connector. */
  readonly commands: OpenCommands;
  readonly collect: (feedback: PlatformFeedback) => ReturnType<typeof collectFeedback>;
  close(): Promise<void>;
}

/** The window of history read from the store; tokens usually cut sooner. */
const HISTORY_TURNS_MAX = 50;
const CLOSE_GRACE_MS = 10_000;

export async function openChat(
  config: Config,
  stores: Stores,
  own: readonly PlatformConnector[],
  log: Log,
  /** Platforms that read the settings of their places; none when not given. */
  openOthers: (settings: SettingsWatch) => Promise<readonly PlatformConnector[]> = async () => [],
): Promise<OpenChat> {
  const domains = readDomains(config.assistant.domainsFile);
  const opened = await openEngine(config.inference, log);
  const embedding = await openEmbedding(log); // after the engine: see the note on loggers there
  const embedder = embedding === undefined ? undefined : embedOnce(embedding.embedder);
  const services = await watchServices(stores.learning, stores.events, log);
  preloadAdapters(stores, opened, services, log);
  // Embedding the domains' examples takes most of a second: only a question that comes at once waits for it.
  const router = createDomainRouter(domains, embedder, config.routing);
  router.catch((error: unknown) => log.error({ err: error }, "router.failed"));
  const places = await watchSettings(
    stores.settings,
    stores.events,
    (place, overrides) => placeSettingsOf(config, place, overrides),
    log,
  );
  const connectors = [...own, ...(await openOthers(places))];
  const examples = embedder === undefined ? undefined : openExamples(config, stores, embedder, log);
  const parts: AnswerParts = {
    ...stores,
    engine: opened.engine,
    encoder: opened.encoder,
    base: opened.base,
    embedder,
    ...(examples === undefined ? {} : { examples }),
    router: { route: async (question, inherited) => (await router).route(question, inherited) },
    services,
    openAdapter: (digest) => openKnownAdapter(stores, opened.base, digest),
    hash: sha256,
    places,
    settings: answerSettings(config, embedding?.nearSimilarityMin),
    now: Date.now,
    newId,
    log,
  };
  const answering = startAnswering({
    chat: stores.chat,
    connectors: new Map<Platform, PlatformConnector>(connectors.map((connector) => [connector.platform, connector])),
    answer: (connector, turnId, message, signal) => answerMessage(parts, connector, turnId, message, signal),
    places,
    turnIdOf,
    claimedBy: processName,
    now: Date.now,
    log,
  });
  const collect = (feedback: PlatformFeedback) =>
    collectFeedback(
      {
        chat: stores.chat,
        cache: stores.cache,
        events: stores.events,
        emoji: scoresOf(config),
        textMaxChars: config.conversation.messageMaxChars,
        log,
      },
      feedback,
    );
  const tellAdmins = async (workspaceId: string, text: string) => {
    const connector = connectors.find(({ platform }) => workspaceId.startsWith(`${platform}:`));
    await connector?.tell({ workspaceId, text });
  };
  const commands = openCommands(
    config,
    stores,
    {
      serving: opened,
      settings: places,
      trainer: trainerParts(config, stores, log),
      engine: opened.engine,
      domains: domains.map(({ id }) => id),
      collectFeedback: collect,
      acceptMessage: (eventId, message) => answering.accept(eventId, message),
      tellAdmins,
    },
    log,
  );
  const intakeParts = { ...stores, answering, collect, settings: places, ...commands, now: Date.now, log };
  for (const connector of connectors) await startConnector(connector, createIntake(intakeParts, connector), log);
  return {
    opened,
    domains,
    answering,
    services,
    hasEmbedder: embedding !== undefined,
    collect,
    commands,
    async close() {
      for (const connector of connectors) await connector.stop();
      await answering.close(CLOSE_GRACE_MS);
      services.stop();
      places.stop();
      examples?.stop();
      await router.catch(() => undefined); // it embeds until then
      await Promise.all([opened.close(), embedding?.close()]);
    },
  };
}

/** The newest rated turns of a scope that may be shown to the model as examples. */
const EXAMPLE_TURNS_MAX = 500;

function openExamples(
  { retrieval, dataset }: Config,
  stores: Stores,
  embedder: Embedder,
  log: Log,
): ExampleFinder | undefined {
  if (!retrieval.enabled) return undefined;
  const { examplesMax: max, similarityMin } = retrieval;
  const settings = { max, similarityMin, days: dataset.days, turnsMax: EXAMPLE_TURNS_MAX };
  return openExampleFinder({ ...stores, embedder, settings, now: Date.now, log });
}

/** One platform that refuses its credentials, or cannot be reached, takes no other down. */
async function startConnector(connector: PlatformConnector, intake: Intake, log: Log): Promise<void> {
  try {
    await connector.start(intake);
  } catch (error) {
    if (connector.platform === "local" || !(error instanceof OperatingError)) throw error;
    log.error({ platform: connector.platform, reason: describeError(error) }, "platform.not-started");
  }
}

/** An adapter that another process put into service is loaded before the first person waits for it. */
function preloadAdapters(stores: Stores, { engine, base }: OpenEngine, services: ServiceWatch, log: Log): void {
  services.onChange((service) => {
    const { active, baseDigest } = service;
    if (active === undefined || baseDigest !== base.digest) return;
    openKnownAdapter(stores, base, active)
      .then((adapter) => (adapter === undefined ? undefined : engine.prepare({ adapter })))
      .catch((error: unknown) => log.error({ adapter: active, err: error }, "adapter.preload-failed"));
  });
}

function answerSettings(config: Config, nearSimilarityMin: number | undefined): AnswerParts["settings"] {
  const { inference, cache } = config;
  return {
    gapMs: config.conversation.gapMs,
    attachmentMaxBytes: config.conversation.attachmentMaxBytes,
    systemPromptFor: createSystemPrompt(config.assistant.systemPrompt, config.assistant.replyLanguage),
    cache: {
      isEnabled: cache.enabled,
      isNearEnabled: cache.nearEnabled,
      ttlMs: cache.ttlSeconds * 1000,
      nearSimilarityMin: cache.nearSimilarityMin ?? nearSimilarityMin ?? 1,
      entriesPerScopeMax: cache.entriesPerScopeMax,
      textMaxChars: cache.textMaxChars,
    },
    sampling: {
      temperature: inference.temperature,
      topP: inference.topP,
      topK: inference.topK,
      repeatPenalty: inference.repeatPenalty,
      ...(inference.seed === undefined ? {} : { seed: inference.seed }),
    },
    replyTokensMax: inference.replyTokensMax,
    replyTimeoutMs: inference.replyTimeoutMs,
    historyTurnsMax: HISTORY_TURNS_MAX,
  };
}

function scoresOf(config: Config): ReadonlyMap<string, Score> {
  const isScore = (value: number): value is Score => value >= 1 && value <= 5;
  return new Map(
    [...config.feedback.emoji].flatMap(([emoji, score]) => (isScore(score) ? [[emoji, score] as const] : [])),
  );
}
