import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { answerMessage } from "#bots/answer-message.ts";
import type { AnswerParts } from "#bots/answer-parts.ts";
import type { PlaceSettings } from "#bots/place-settings.ts";
import type { Notice, PlatformConnector, ReplyAction, ReplyPart } from "#bots/platform-connector.ts";
import { createDomainRouter } from "#bots/route-domain.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { LearningScope } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import { memoryEventBus } from "#events/memory/event-bus.ts";
import type { GenerateChunk, GenerateRequest, InferenceEngine } from "#inference/inference-engine.ts";
import type { Moderator } from "#inference/moderator.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { memoryRateLimiter } from "#store/memory/rate-limiter.ts";
import { activateAdapter, openKnownAdapter, rollBackAdapter } from "#trainer/activate-adapter.ts";
import { watchServices } from "#trainer/service-watch.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { SCRIPTED_BASE, type Script, scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { makeTempFolder, openTempStore } from "../store/sqlite/temp-store.ts";

export const DOMAINS = [
  { id: "support", description: "Orders", keywords: ["refund", "order"], examples: [] },
  { id: "technical", description: "Software", keywords: ["python"], examples: [] },
  { id: "general", description: "Everything else", keywords: [], examples: [] },
] as const;

/** A platform that keeps every call, and can fail. */
export function recordingConnector(editIntervalMs = 0) {
  const shown: { readonly act: "post" | "edit"; readonly text: string; readonly isFinal: boolean }[] = [];
  /** What people see now, by message. */
  const seen = new Map<
    string,
    { readonly text: string; readonly actions: readonly ReplyAction[]; readonly under: string }
  >();
  const told: Notice[] = [];
  const offered: { readonly messageId: string; readonly emoji: string }[] = [];
  const busy: AbortSignal[] = [];
  /** Contents of files, by attachment. */
  const attached = new Map<string, Uint8Array>();
  const see = (messageId: string, { text, actions, inReplyTo }: ReplyPart) =>
    void seen.set(messageId, { text, actions, under: inReplyTo });
  const state = {
    fail: (_act: "post" | "edit", _part: ReplyPart): void => {},
    reconciled: undefined as string | undefined,
    reconciliations: 0,
  };
  const connector: PlatformConnector = {
    platform: "local",
    limits: { messageCharsMax: 2000, editIntervalMs },
    render: (markdown) => markdown,
    start: async () => {},
    async post(part) {
      state.fail("post", part);
      shown.push({ act: "post", text: part.text, isFinal: part.isFinal });
      const messageId = `${part.turnId}.${part.part}`;
      see(messageId, part);
      return { messageId };
    },
    async edit({ messageId }, part) {
      state.fail("edit", part);
      shown.push({ act: "edit", text: part.text, isFinal: part.isFinal });
      see(messageId, part);
    },
    async reconcile() {
      state.reconciliations++;
      return state.reconciled === undefined ? undefined : { messageId: state.reconciled };
    },
    async remove({ messageId }) {
      seen.delete(messageId);
    },
    showBusy: (_place, signal) => void busy.push(signal),
    async offerEmoji({ messageId }, emoji) {
      offered.push(...emoji.map((one) => ({ messageId, emoji: one })));
    },
    async tell(notice) {
      told.push(notice);
    },
    async readAttachment({ id }) {
      const contents = attached.get(id);
      if (contents === undefined) throw new Error("HTTP 404");
      return contents;
    },
    catchUp: async () => {},
    stop: async () => {},
  };
  return { connector, shown, seen, told, offered, busy, attached, state };
}

export interface Logged {
  readonly level: string;
  readonly event: string;
  readonly fields: object;
}

export function recordingLog() {
  const lines: Logged[] = [];
  const at = (level: string) => (fields: object, event: string) => void lines.push({ level, fields, event });
  return { lines, log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

export interface ChatWorldOptions {
  readonly answer?: (question: string, adapterDigest: string | undefined) => Script;
  readonly generate?: (request: GenerateRequest) => AsyncIterable<GenerateChunk>;
  readonly settings?: Partial<AnswerParts["settings"]>;
  /** What admins set, everywhere alike. */
  readonly place?: Partial<PlaceSettings>;
  readonly contextTokens?: number;
  /** What the model is said to be able to, beyond the usual. */
  readonly base?: Partial<AnswerParts["base"]>;
  readonly moderator?: Moderator;
}

/** Answering on a real store, with a model whose words are written beforehand. */
export async function openChatWorld(options: ChatWorldOptions = {}) {
  const folder = makeTempFolder();
  const store = openTempStore(join(folder, "reactune.db"));
  const files = await openFileStore(join(folder, "adapters"), Date.now);
  const events = memoryEventBus();
  const { lines, log } = recordingLog();
  const requests: GenerateRequest[] = [];
  const scripted = scriptedEngine(options.answer ?? ((question) => ({ text: `You said: ${question}` })));
  const engine: InferenceEngine = {
    ...scripted,
    generate(request) {
      requests.push(request);
      return (options.generate ?? scripted.generate)(request);
    },
  };
  const services = await watchServices(store.learning, events, log);
  onTestFinished(() => services.stop());
  const clock = { nowMs: 1_800_000_000_000 };
  let ids = 0;
  const now = () => clock.nowMs;
  const newId = () => `id-${String(++ids).padStart(4, "0")}`;
  const parts: AnswerParts = {
    chat: store.chat,
    cache: store.cache,
    models: store.models,
    engine,
    encoder: {
      contextTokens: options.contextTokens ?? 100_000,
      encodePrompt: (messages) => messages.flatMap(({ content }) => Array.from(content, () => 1)),
      encodeReply: (text) => Array.from(text, () => 1),
    },
    base: { ...SCRIPTED_BASE, ...options.base },
    embedder: undefined,
    ...(options.moderator === undefined ? {} : { moderator: options.moderator }),
    router: await createDomainRouter(DOMAINS, undefined, { similarityMin: 1, marginMin: 1 }),
    services,
    rateLimiter: memoryRateLimiter(),
    events,
    openAdapter: (digest) => openKnownAdapter({ learning: store.learning, files }, SCRIPTED_BASE, digest),
    hash: sha256,
    places: fixedSettings(options.place),
    settings: {
      gapMs: 3_600_000,
      attachmentMaxBytes: 10_000,
      systemPromptFor: async () => "Be kind.",
      cache: {
        isEnabled: true,
        isNearEnabled: false,
        ttlMs: 86_400_000,
        nearSimilarityMin: 1,
        entriesPerScopeMax: 100,
        textMaxChars: 1000,
      },
      sampling: { temperature: 0, topP: 1, topK: 1, repeatPenalty: 1 },
      replyTokensMax: 100,
      replyTimeoutMs: 20_000,
      historyTurnsMax: 50,
      ...options.settings,
    },
    now,
    newId,
    log,
  };
  const platform = recordingConnector();
  const activateParts = { ...store, files, events, now, newId, log };
  let messages = 0;

  const world = {
    ...platform,
    store,
    files,
    folder,
    events,
    lines,
    parts,
    requests,
    clock,
    activateParts,
    incoming(text: string, given: Partial<IncomingMessage> = {}): IncomingMessage {
      messages++;
      clock.nowMs += 1000;
      return {
        platform: "local",
        workspaceId: "local:home",
        channelId: "web",
        visibility: "public",
        userId: "ana",
        messageId: `m${messages}`,
        text,
        sentAtMs: clock.nowMs,
        ...given,
      };
    },
    answer(message: IncomingMessage, signal = new AbortController().signal) {
      return answerMessage(parts, platform.connector, `turn-${message.messageId}`, message, signal);
    },
    /** Asks, and expects a turn rather than a notice. */
    async ask(text: string, given: Partial<IncomingMessage> = {}): Promise<Turn> {
      const answered = await world.answer(world.incoming(text, given));
      if (!("turn" in answered)) throw new Error(`A notice came: ${answered.notice}`);
      return answered.turn;
    },
    async notice(text: string, given: Partial<IncomingMessage> = {}): Promise<string> {
      const answered = await world.answer(world.incoming(text, given));
      if ("turn" in answered) throw new Error("A turn came");
      return answered.notice ?? "";
    },
    /** Stores an adapter file that this store made; returns its digest. */
    async makeAdapter(name: string, changes: { state?: "candidate" | "rejected"; baseDigest?: string } = {}) {
      const path = join(folder, `${name}.source`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, `GGUF ${name}`);
      const { digest, bytes } = await files.put(path);
      await store.learning.saveAdapter({
        digest,
        name: `reactune-support-20261121-${digest.slice(0, 8)}`,
        baseDigest: SCRIPTED_BASE.digest,
        scope: SUPPORT,
        runId: `run-${name}`,
        datasetHash: "d".repeat(64),
        bytes,
        grade: "B",
        state: "candidate",
        createdAtMs: clock.nowMs,
        ...changes,
      });
      return digest;
    },
    async activate(digest: string) {
      const act = { by: "operator", reason: "test" };
      const service = await activateAdapter(activateParts, { engine: scripted, base: SCRIPTED_BASE }, digest, act);
      await services.refresh();
      return service;
    },
    async rollBack() {
      await rollBackAdapter(activateParts, SUPPORT, { by: "operator", reason: "test" });
      await services.refresh();
    },
  };
  return world;
}

export const SUPPORT: LearningScope = { workspaceId: "local:home", audience: "public", domain: "support" };

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
