import { RedisUnavailableError } from "#core/errors.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { RedisConnection } from "./open-redis.ts";

/** More than are erased or disliked in an outage; past that everything is cleared when Redis is back. */
const EVICTIONS_MAX = 100_000;

/**
 * Chat goes on without the cache: while Redis is away every question is a miss and nothing is kept. What was evicted meanwhile is
 * evicted as soon as Redis is back, and until then nothing is served. Operators' calls (clear, stats, inspect) still reject.
 */
export function cautiousCache(cache: SemanticCache, redis: Pick<RedisConnection, "onReturn">): SemanticCache {
  const missed = new Set<string>();
  let isOverfull = false;
  let evicting: Promise<void> | undefined;

  async function evictMissed(): Promise<void> {
    if (isOverfull) await cache.clear();
    isOverfull = false;
    for (const turnId of missed) {
      await cache.evictTurn(turnId);
      missed.delete(turnId);
    }
  }
  /** Whether everything evicted is gone from Redis. */
  async function isClean(): Promise<boolean> {
    if (missed.size === 0 && !isOverfull) return true;
    evicting ??= evictMissed().finally(() => {
      evicting = undefined;
    });
    return orElse(
      evicting.then(() => true),
      false,
    );
  }
  redis.onReturn(() => void isClean());

  async function unlessAway<T>(act: () => Promise<T>, otherwise: T): Promise<T> {
    return (await isClean()) ? orElse(act(), otherwise) : otherwise;
  }

  return {
    get: (...args) => unlessAway(() => cache.get(...args), undefined),
    findBySignature: (...args) => unlessAway(() => cache.findBySignature(...args), []),
    findNearest: (...args) => unlessAway(() => cache.findNearest(...args), []),
    put: (...args) => unlessAway(() => cache.put(...args), undefined),
    count: (...args) => orElse(cache.count(...args), undefined),
    async evictTurn(turnId) {
      const evicted = await orElse(cache.evictTurn(turnId), undefined);
      if (evicted !== undefined) return evicted;
      if (missed.size < EVICTIONS_MAX) missed.add(turnId);
      else isOverfull = true;
      return 0;
    },
    clear: (...args) => cache.clear(...args),
    stats: () => cache.stats(),
    inspect: (...args) => cache.inspect(...args),
  };
}

async function orElse<T>(result: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof RedisUnavailableError) return otherwise;
    throw error;
  }
}
