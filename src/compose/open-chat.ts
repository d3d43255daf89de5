import { answerMessage } from "#bots/answer-message.ts";
import type { AnswerParts } from "#bots/answer-parts.ts";
import { type Answering, startAnswering } from "#bots/answering.ts";
import type { FeedbackCollector } from "#bots/create-intake.ts";
import { createPlaceLocks } from "#bots/place-locks.ts";
import { systemPromptOf } from "#bots/place-prompt.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import { type ExampleFinder, openExampleFinder } from "#bots/retrieve-examples.ts";
import { createDomainRouter } from "#bots/route-domain.ts";
import { watchSettings } from "#bots/watch-settings.ts";
import { readDomains } from "#config/domains.ts";
import type { Config } from "#config/schema.ts";
import type { Domain } from "#core/domain.ts";
import type { Log } from "#core/log.ts";
import type { Platform } from "#core/scope.ts";
import { embedOnce } from "#inference/embed-once.ts";
import type { Embedder } from "#inference/embedder.ts";
import { createSystemPrompt } from "#inference/reply-language.ts";
import { openKnownAdapter } from "#trainer/activate-adapter.ts";
import { removeRetiredFromHosts } from "#trainer/remove-retired.ts";
import { type ServiceWatch, watchServices } from "#trainer/service-watch.ts";
import { newId, processName, sha256, turnIdOf } from "./identity.ts";
import type { OpenCommands } from "./open-commands.ts";
import { openEmbedding } from "./open-embedding.ts";
import type { OpenEngine } from "./open-inference.ts";
import { type OpenPlatforms, openPlatforms } from "./open-intake.ts";
import { openServingEngine } from "./open-serving.ts";
import { placeSettingsOf } from "./place-settings.ts";
import type { Stores } from "./stores.ts";
import { noTracing, type Tracing } from "./tracing.ts";

/** Everything between a platform's event and the reply. */
export interface OpenChat {
  readonly opened: OpenEngine;
  readonly domains: readonly Domain[];
  readonly answering: Answering;
  readonly services: ServiceWatch;
  readonly hasEmbedder: boolean;
  /** For the terminal and the pages, which call them without a connector. */
  readonly commands: OpenCommands;
  readonly intakeOf: OpenPlatforms["intakeOf"];
  readonly collect: FeedbackCollector;
  close(): Promise<void>;
}

export interface ChatOptions {
  /** Platforms that read the settings of their places; none when not given. */
  readonly openOthers?: (settings: SettingsWatch) => Promise<readonly PlatformConnector[]>;
  readonly tracing?: Tracing;
  /** How it is opened where a server that is away is waited for. */
  readonly openEngine?: () => Promise<OpenEngine>;
}

/** The window of history read from the store; tokens usually cut sooner. */
const HISTORY_TURNS_MAX = 50;
const CLOSE_GRACE_MS = 10_000;

export async function openChat(
  config: Config,
  stores: Stores,
  own: readonly PlatformConnector[],
  log: Log,
  options: ChatOptions = {},
): Promise<OpenChat> {
  const { tracing = noTracing } = options;
  const domains = readDomains(config.assistant.domainsFile);
  const opened = await (options.openEngine?.() ?? openServingEngine(config, log));
  const embedding = await openEmbedding(config, log); // after the engine: see the note on loggers there
  const embedder = embedding === undefined ? undefined : embedOnce(embedding.embedder);
  const services = await watchServices(stores.learning, stores.events, log);
  preloadAdapters(stores, opened, services, log);
  // Embedding the domains' examples takes most of a second: only a question that comes at once waits for it.
  const router = createDomainRouter(domains, embedder, config.routing);
  router.catch((error: unknown) => log.error({ err: error }, "router.failed"));
  const cleaning = cleanHosts(stores, opened, log);
  const places = await watchSettings(
    stores.settings,
    stores.events,
    (place, overrides) => placeSettingsOf(config, place, overrides),
    log,
  );
  const connectors = [...own, ...((await options.openOthers?.(places)) ?? [])];
  const examples = embedder === undefined ? undefined : openExamples(config, stores, embedder, log);
  const parts: AnswerParts = {
    ...stores,
    chat: tracing.watch("store", stores.chat, ["findTurn", "saveAnswer", "saveTurn", "saveDelivery", "listHistory"]),
    cache: tracing.watch("cache", stores.cache, ["get", "findBySignature", "findNearest", "put"]),
    engine: tracing.watchStreams("engine", opened.engine, ["generate"]),
    encoder: opened.encoder,
    base: opened.base,
    embedder,
    ...(examples === undefined ? {} : { examples }),
    router: { route: async (question, inherited) => (await router).route(question, inherited) },
    services,
    openAdapter: (digest) => openKnownAdapter(stores, opened.base, digest),
    hash: sha256,
    places,
    ...(await openModerator(config)),
    settings: answerSettings(config, places, embedding?.nearSimilarityMin),
    now: Date.now,
    newId,
    log,
  };
  const byPlatform = new Map<Platform, PlatformConnector>(connectors.map((one) => [one.platform, one]));
  const answering = startAnswering({
    chat: stores.chat,
    connectors: byPlatform,
    answer: (connector, turnId, message, signal, ending) =>
      tracing.answer(turnId, { platform: connector.platform }, () =>
        answerMessage(parts, tracing.watch("platform", connector, ["post", "edit"]), turnId, message, signal, ending),
      ),
    places,
    ...(config.servers.redisUrl === undefined
      ? {}
      : { locks: createPlaceLocks({ leases: stores.leases, holder: processName, now: Date.now, log }) }),
    turnIdOf,
    claimedBy: processName,
    now: Date.now,
    log,
  });
  const platforms = openPlatforms(
    config,
    stores,
    { connectors: byPlatform, answering, places, domains: domains.map(({ id }) => id), opened },
    log,
  );
  await platforms.start();
  return {
    opened,
    domains,
    answering,
    services,
    hasEmbedder: embedding !== undefined,
    collect: platforms.collect,
    commands: platforms.commands,
    intakeOf: platforms.intakeOf,
    async close() {
      await platforms.stop();
      await answering.close(CLOSE_GRACE_MS);
      services.stop();
      places.stop();
      cleaning.stop();
      await examples?.stop();
      await router.catch(() => undefined); // it embeds until then
      await Promise.all([opened.close(), embedding?.close()]);
    },
  };
}

/** Adapters that were withdrawn leave other machines: what is left of before now, the rest when a service changes. */
function cleanHosts({ learning, events }: Stores, { adapterHost }: OpenEngine, log: Log): { stop(): void } {
  if (adapterHost === undefined) return { stop: () => {} };
  const clean = () =>
    removeRetiredFromHosts(learning, adapterHost, log).catch((error: unknown) =>
      log.warn({ err: error }, "adapters.not-cleaned"),
    );
  void clean();
  const stop = events.subscribe(["service.changed"], () => void clean());
  return { stop };
}

async function openModerator({ moderation, credentials }: Config): Promise<Pick<AnswerParts, "moderator">> {
  const { url, model } = moderation;
  if (url === undefined) return {};
  const { openAiModerator } = await import("#inference/openai/moderation.ts");
  const key = credentials.moderationKey;
  return { moderator: openAiModerator({ url, model, ...(key === undefined ? {} : { key }) }) };
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

function answerSettings(
  config: Config,
  places: SettingsWatch,
  nearSimilarityMin: number | undefined,
): AnswerParts["settings"] {
  const { inference, cache } = config;
  return {
    gapMs: config.conversation.gapMs,
    attachmentMaxBytes: config.conversation.attachmentMaxBytes,
    systemPromptFor: systemPromptOf(
      places,
      createSystemPrompt(config.assistant.systemPrompt, config.assistant.replyLanguage),
    ),
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
