import { nearSignature, refuseSharing } from "#core/may-share-answer.ts";
import { plainQuestion } from "#core/plain-question.ts";
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
  /** What is asked stands in images too. */
  readonly hasImages: boolean;
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

/** The exact question, then one of the same signature, then the nearest by vector; both near layers pass the guards. */
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
  const near = settings.isNearEnabled
    ? await findNear(cache, embedder, settings, ask)
    : { reason: "a new question", vector: undefined };
  const vector = near.vector === undefined ? {} : { vector: near.vector };
  if (near.entry === undefined) {
    await cache.count("miss");
    return { use: { hit: "none", reason: near.reason }, ...vector, isCacheable: true };
  }
  await cache.count("near");
  const { entry, similarity } = near;
  const reason = `like "${entry.question}"`;
  return {
    use: { hit: "near", reason, sourceTurnId: entry.turnId, ...(similarity === undefined ? {} : { similarity }) },
    entry,
    ...vector,
    isCacheable: true,
  };
}

interface Near {
  /** Why none was found: the guards' words about the last candidate. */
  readonly reason: string;
  readonly entry?: CacheEntry;
  readonly similarity?: number;
  readonly vector?: Float32Array | undefined;
}

/** The signature first: it finds most paraphrases without the embedding model, which takes longer than all the rest. */
async function findNear(
  cache: SemanticCache,
  embedder: Embedder | undefined,
  settings: CacheSettings,
  { scope, question, nowMs }: CacheAsk,
): Promise<Near> {
  const signature = nearSignature(plainQuestion(question));
  const signed = signature === undefined ? [] : await cache.findBySignature(scope, signature, nowMs);
  const bySignature = firstShared(
    question,
    signed.map((entry) => ({ entry })),
  );
  if (bySignature.entry !== undefined || embedder === undefined) return bySignature;

  const [vector] = await embedder.embed([question]);
  if (vector === undefined) throw new TypeError("Cannot look up a question: the embedder returned no vector");
  const { nearSimilarityMin: similarityMin } = settings;
  const nearest = await cache.findNearest({ scope, vector, similarityMin, limit: NEIGHBOURS_MAX, nowMs });
  const byVector = firstShared(question, nearest);
  return { ...(nearest.length === 0 ? bySignature : byVector), vector };
}

function firstShared(
  question: string,
  candidates: readonly { readonly entry: CacheEntry; readonly similarity?: number }[],
): Near {
  let reason = "a new question";
  for (const candidate of candidates) {
    const refusal = refuseSharing(question, candidate.entry.question);
    if (refusal === undefined) return { reason: "", ...candidate };
    reason = refusal;
  }
  return { reason };
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
  const question = plainQuestion(reply.question);
  const signature = nearSignature(question);
  await cache.put(
    {
      scope: reply.scope,
      question,
      ...(signature === undefined ? {} : { signature }),
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
  if (ask.hasImages) return "a question about an image";
  if (!ask.isFirstTurn) return "a follow-up question";
  if (ask.question.length > settings.textMaxChars) return "a long question";
  return undefined;
}
