import { plainQuestion } from "#core/plain-question.ts";
import { compareQuestions } from "#core/same-question.ts";
import type { CacheUse } from "#core/turn.ts";
import type { Embedder } from "#inference/embedder.ts";
import type { CacheEntry, SemanticCache } from "#store/semantic-cache.ts";

export interface CacheSettings {
  readonly isEnabled: boolean;
  readonly isNearEnabled: boolean;
  readonly ttlMs: number;
  /** Least cosine of two questions that may share an answer. */
  readonly nearSimilarityMin: number;
  readonly entriesPerScopeMax: number;
  readonly textMaxChars: number;
}

export interface CacheAsk {
  readonly scope: string;
  readonly question: string;
  /** A question that leans on earlier turns has no meaning of its own. */
  readonly isFirstTurn: boolean;
  readonly isRegeneration: boolean;
  readonly nowMs: number;
}

export interface CacheAnswer {
  readonly use: CacheUse;
  readonly entry?: CacheEntry;
  /** Undefined when the question was not looked up, or the exact layer answered. Kept for `rememberReply`. */
  readonly vector?: Float32Array;
  readonly isCacheable: boolean;
}

/** How many neighbours are put to the guards before giving up. */
const NEIGHBOURS_MAX = 5;

/** Exact key first, then the nearest questions whose numbers, names and negations agree. */
export async function answerFromCache(
  cache: SemanticCache,
  embedder: Embedder | undefined,
  settings: CacheSettings,
  ask: CacheAsk,
): Promise<CacheAnswer> {
  const refusal = refuseCaching(ask, settings);
  if (refusal !== undefined) {
    await cache.count("skipped");
    return { use: { hit: "none", reason: refusal }, isCacheable: false };
  }
  const exact = await cache.get(ask.scope, plainQuestion(ask.question), ask.nowMs);
  if (exact !== undefined) {
    await cache.count("exact");
    return {
      use: { hit: "exact", reason: "the same question", sourceTurnId: exact.turnId },
      entry: exact,
      isCacheable: true,
    };
  }
  if (embedder === undefined || !settings.isNearEnabled) {
    await cache.count("miss");
    return { use: { hit: "none", reason: "a new question" }, isCacheable: true };
  }
  return answerFromNear(cache, embedder, settings, ask);
}

async function answerFromNear(
  cache: SemanticCache,
  embedder: Embedder,
  settings: CacheSettings,
  ask: CacheAsk,
): Promise<CacheAnswer> {
  const [vector] = await embedder.embed([ask.question]);
  if (vector === undefined) throw new TypeError("Cannot look up a question: the embedder returned no vector");
  const near = await cache.findNearest({
    scope: ask.scope,
    vector,
    similarityMin: settings.nearSimilarityMin,
    limit: NEIGHBOURS_MAX,
    nowMs: ask.nowMs,
  });
  let reason = "no near question";
  for (const { entry, similarity } of near) {
    const verdict = compareQuestions(ask.question, entry.question);
    if (!verdict.same) {
      reason = verdict.reason;
      continue;
    }
    await cache.count("near");
    return {
      use: { hit: "near", reason: `like "${entry.question}"`, sourceTurnId: entry.turnId, similarity },
      entry,
      vector,
      isCacheable: true,
    };
  }
  await cache.count("miss");
  return { use: { hit: "none", reason }, vector, isCacheable: true };
}

/** Stores a complete reply to a self-contained question. */
export async function rememberReply(
  cache: SemanticCache,
  embedder: Embedder | undefined,
  settings: CacheSettings,
  reply: {
    scope: string;
    question: string;
    reply: string;
    turnId: string;
    domain: string;
    vector?: Float32Array;
    nowMs: number;
  },
): Promise<void> {
  if (reply.reply.length > settings.textMaxChars * 4) return;
  const vector = reply.vector ?? (embedder === undefined ? undefined : (await embedder.embed([reply.question]))[0]);
  await cache.put(
    {
      scope: reply.scope,
      question: plainQuestion(reply.question),
      reply: reply.reply,
      turnId: reply.turnId,
      domain: reply.domain,
      ...(vector === undefined ? {} : { vector }),
      createdAtMs: reply.nowMs,
      expiresAtMs: reply.nowMs + settings.ttlMs,
      hits: 0,
    },
    settings.entriesPerScopeMax,
  );
}

function refuseCaching(ask: CacheAsk, settings: CacheSettings): string | undefined {
  if (!settings.isEnabled) return "the cache is off";
  if (ask.isRegeneration) return "asked again";
  if (!ask.isFirstTurn) return "a follow-up question";
  if (ask.question.length > settings.textMaxChars) return "a long question";
  return undefined;
}
