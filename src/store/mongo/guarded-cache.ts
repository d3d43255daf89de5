import type { SemanticCache } from "#store/semantic-cache.ts";
import type { ErasedLookup } from "./erased-lookup.ts";

/** A cache, wherever it is kept, that takes in nothing of a turn that this store erased. */
export function guardCache(cache: SemanticCache, erased: ErasedLookup): SemanticCache {
  return {
    ...cache,
    async put(entry, entriesMax) {
      if (await erased.isTurnErased(entry.turnId)) return;
      await cache.put(entry, entriesMax);
      // It may have been erased between the question and the write.
      if (await erased.isTurnErased(entry.turnId)) await cache.evictTurn(entry.turnId);
    },
  };
}
