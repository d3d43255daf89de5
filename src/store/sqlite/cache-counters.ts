import { StoreBusyError } from "#core/errors.ts";
import type { CacheStats, SemanticCache } from "#store/semantic-cache.ts";
import type { Sql } from "./sql.ts";

type Outcome = Parameters<SemanticCache["count"]>[0];

/** Hits and outcomes, kept in memory for a moment: a hit must not wait for a write. A kill loses that moment's counts. */
export interface CacheCounters {
  addHit(entryId: number): void;
  addOutcome(outcome: Outcome): void;
  pendingHits(entryId: number): number;
  read(): Omit<CacheStats, "entries" | "bytes">;
  close(): void;
}

const FLUSH_AFTER_MS = 500;

export function openCacheCounters(sql: Sql): CacheCounters {
  const hits = new Map<number, number>();
  const outcomes = new Map<Outcome, number>();
  const addHits = sql.prepare("UPDATE cache_entry SET hits = hits + :count WHERE id = :id");
  const addOutcomes = sql.prepare(`
    INSERT INTO cache_count (name, count) VALUES (:name, :count)
    ON CONFLICT DO UPDATE SET count = count + excluded.count`);
  const list = sql.prepare<{ name: string; count: number }>("SELECT name, count FROM cache_count");
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (hits.size + outcomes.size === 0) return;
    sql.write(() => {
      for (const [id, count] of hits) addHits.run({ id, count });
      for (const [name, count] of outcomes) addOutcomes.run({ name, count });
    });
    hits.clear();
    outcomes.clear();
  }

  /** Where another process writes for long, the counts wait for the next hit. */
  function flushLater(): void {
    try {
      flush();
    } catch (cause) {
      if (!(cause instanceof StoreBusyError)) throw cause;
    }
  }

  function add<Key>(counts: Map<Key, number>, key: Key): void {
    counts.set(key, (counts.get(key) ?? 0) + 1);
    timer ??= setTimeout(flushLater, FLUSH_AFTER_MS).unref();
  }

  return {
    addHit: (entryId) => add(hits, entryId),
    addOutcome: (outcome) => add(outcomes, outcome),
    pendingHits: (entryId) => hits.get(entryId) ?? 0,
    read() {
      flush();
      const counts = new Map(list.all().map(({ name, count }) => [name, count]));
      return {
        exactHits: counts.get("exact") ?? 0,
        nearHits: counts.get("near") ?? 0,
        misses: counts.get("miss") ?? 0,
        skipped: counts.get("skipped") ?? 0,
      };
    },
    close: flush,
  };
}
