import type { Erased, PrivacyStore } from "./privacy-store.ts";
import type { SemanticCache } from "./semantic-cache.ts";

/** The same store over a cache that lies elsewhere: replies made from what is erased leave it too, before the call resolves. */
export function evictErased(privacy: PrivacyStore, cache: Pick<SemanticCache, "evictTurn">): PrivacyStore {
  async function evict(erasing: Promise<Erased>): Promise<Erased> {
    const erased = await erasing;
    for (const turnId of erased.turnIds) await cache.evictTurn(turnId);
    return erased;
  }
  return {
    ...privacy,
    erasePerson: (...args) => evict(privacy.erasePerson(...args)),
    eraseTurn: (...args) => evict(privacy.eraseTurn(...args)),
    erasePlace: (...args) => evict(privacy.erasePlace(...args)),
    eraseBefore: (...args) => evict(privacy.eraseBefore(...args)),
    resumeErasures: () => evict(privacy.resumeErasures()),
  };
}
