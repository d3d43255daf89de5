import type { Score } from "#core/feedback.ts";
import { ALL_DOMAINS, type LearningScope } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import type { Archive } from "#store/archive.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";

export interface BenchedStore {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly cache: SemanticCache;
  readonly archive: Archive;
}

export interface StoreBenchOptions {
  readonly turns: number;
  readonly scores: number;
  readonly cacheEntries: number;
  readonly dimensions: number;
  readonly nowMs: number;
}

export interface StoreFigures {
  readonly turns: number;
  readonly scores: number;
  readonly importMs: number;
  readonly rebuildCountsMs: number;
  /** Of one domain and of the whole workspace, over 30 days. */
  readonly readCounts: Latency;
  readonly pageOf500RatedTurns: Latency;
  readonly saveTurn: Latency;
  readonly putFeedback: Latency;
  readonly listHistory: Latency;
  readonly findTurnByMessage: Latency;
  readonly cacheEntries: number;
  readonly cacheGet: Latency;
  readonly cacheMiss: Latency;
  readonly cacheFindNearest: Latency;
}

export interface Latency {
  readonly p50Ms: number;
  readonly p95Ms: number;
}

const DAY_MS = 86_400_000;
/** A prime: scores fall on all days and domains, on no turn twice in a round. */
const STRIDE = 7919;
const DOMAINS = ["technical", "support", "legal", "general"];
const SCOPE: LearningScope = { workspaceId: "local:bench", audience: "public", domain: "support" };

/** Fills an empty store, by an import, and measures what a conversation and a look at readiness ask of it. */
export async function benchStore(store: BenchedStore, options: StoreBenchOptions): Promise<StoreFigures> {
  const { turns, scores, nowMs } = options;
  const { chat, learning } = store;
  const importMs = await timeOf(() => store.archive.importLines(benchLines(options), { replace: false }));
  const scopes = [SCOPE, { ...SCOPE, domain: ALL_DOMAINS }];
  const fresh = (index: number) => benchTurn(turns + index, options);

  return {
    turns,
    scores,
    importMs,
    rebuildCountsMs: await timeOf(() => learning.rebuildCounts()),
    readCounts: await measure(200, (index) =>
      learning.readCounts(scopes[index % scopes.length] ?? SCOPE, nowMs - 30 * DAY_MS),
    ),
    pageOf500RatedTurns: await measure(10, () =>
      learning.pageRatedTurns({ scope: SCOPE, sinceMs: nowMs - 30 * DAY_MS, limit: 500 }),
    ),
    saveTurn: await measure(200, (index) => chat.saveTurn(fresh(index))),
    putFeedback: await measure(200, (index) => chat.putFeedback(benchScore(turns + index, 0, nowMs))),
    listHistory: await measure(200, (index) => chat.listHistory(conversationOf(index * 37), 20)),
    findTurnByMessage: await measure(200, (index) =>
      chat.findTurnByMessage(SCOPE.workspaceId, "web", `reply-${(index * STRIDE) % turns}`),
    ),
    cacheEntries: options.cacheEntries,
    ...(await benchCache(store.cache, options)),
  };
}

async function benchCache(cache: SemanticCache, { cacheEntries, dimensions, nowMs }: StoreBenchOptions) {
  const vectorOf = (index: number) => unitVector(index, dimensions);
  const base = { scope: "bench", domain: "support", createdAtMs: nowMs, expiresAtMs: nowMs + DAY_MS, hits: 0 };
  for (let index = 0; index < cacheEntries; index += 1) {
    const entry = { question: `question ${index}`, reply: "An answer. ".repeat(40), turnId: turnIdOf(index) };
    await cache.put({ ...base, ...entry, vector: vectorOf(index) }, cacheEntries);
  }
  const nearest = { scope: "bench", similarityMin: 0.8, limit: 5, nowMs };
  return {
    cacheGet: await measure(500, (index) => cache.get("bench", `question ${(index * 31) % cacheEntries}`, nowMs)),
    cacheMiss: await measure(500, (index) => cache.get("bench", `unknown ${index}`, nowMs)),
    cacheFindNearest: await measure(50, (index) => cache.findNearest({ ...nearest, vector: vectorOf(index * 31 + 1) })),
  };
}

async function* benchLines(options: StoreBenchOptions): AsyncGenerator<string> {
  const { turns, scores, nowMs } = options;
  const line = (kind: string, record: object) => JSON.stringify({ kind, version: 1, record });
  yield JSON.stringify({ kind: "header", version: 1, records: turns + scores });
  for (let index = 0; index < turns; index += 1) yield line("turn", benchTurn(index, options));
  for (let index = 0; index < scores; index += 1) {
    const { atMs, score, ...rest } = benchScore((index * STRIDE) % turns, Math.floor(index / turns), nowMs);
    yield line("feedback", { ...rest, score, scoreAtMs: atMs, commentAtMs: 0, correctionAtMs: 0, endorsedBy: [] });
  }
}

/** Over 60 days, ten turns a conversation. */
function benchTurn(index: number, { turns, nowMs }: StoreBenchOptions): Turn {
  const place = { platform: "local", workspaceId: SCOPE.workspaceId, channelId: "web" } as const;
  const askedAtMs = nowMs - Math.max(0, Math.floor((1 - index / turns) * 60 * DAY_MS));
  return {
    ...place,
    id: turnIdOf(index),
    conversationId: conversationOf(index),
    visibility: "public",
    audience: SCOPE.audience,
    position: index % 10,
    askerId: `user-${index % 500}`,
    revision: 0,
    inputTurnIds: index % 10 === 0 ? [] : [turnIdOf(index - 1)],
    question: `How do I return kettle number ${index}?`,
    reply: "Within thirty days, in its box, with the receipt. ".repeat(4),
    status: "complete",
    domain: {
      domain: DOMAINS[index % DOMAINS.length] ?? "general",
      by: "keywords",
      score: 0.9,
      reason: "words: return",
    },
    arm: { epoch: 0 },
    provenance: {
      modelDigest: "0".repeat(64),
      modelName: "bench",
      systemPromptHash: "0".repeat(64),
      cache: { hit: "none", reason: "no near question" },
      promptTokens: 120,
      replyTokens: 50,
      firstTokenMs: 200,
      totalMs: 2000,
      turnsCut: 0,
      endedBy: "stop",
    },
    messages: [
      { messageId: `question-${index}`, role: "question", part: 0 },
      { messageId: `reply-${index}`, role: "reply", part: 0 },
    ],
    askedAtMs,
    repliedAtMs: askedAtMs + 2000,
  };
}

function benchScore(index: number, round: number, nowMs: number) {
  return {
    turnId: turnIdOf(index),
    userId: `user-${(index + round) % 500}`,
    workspaceId: SCOPE.workspaceId,
    source: "reaction",
    score: (1 + (index % 5)) as Score,
    atMs: nowMs,
  } as const;
}

function turnIdOf(index: number): string {
  return `turn-${String(index).padStart(9, "0")}`;
}

function conversationOf(index: number): string {
  return `conversation-${Math.floor(index / 10)}`;
}

/** Not random, and in no order: sines of ever other steps. */
function unitVector(seed: number, dimensions: number): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, (_, at) => Math.sin((seed + 1) * (at + 1) * 1.7));
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

async function measure(times: number, run: (index: number) => Promise<unknown>): Promise<Latency> {
  const durations: number[] = [];
  for (let index = 0; index < times; index += 1) durations.push(await timeOf(() => run(index)));
  durations.sort((left, right) => left - right);
  const at = (share: number) => durations[Math.min(times - 1, Math.floor(share * times))] ?? 0;
  return { p50Ms: at(0.5), p95Ms: at(0.95) };
}

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await run();
  return performance.now() - startedAtMs;
}
