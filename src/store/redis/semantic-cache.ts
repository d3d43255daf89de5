import { createHash } from "node:crypto";
import { z } from "zod";
import type { CacheEntry, NearEntry, SemanticCache } from "#store/semantic-cache.ts";
import { toBytes, toVector } from "#store/vector-block.ts";
import {
  dropExpired,
  dropOfTurn,
  findSigned,
  getEntry,
  measureScope,
  putEntry,
  readEntries,
  takeTurn,
} from "./cache-scripts.ts";
import { cacheVectors } from "./cache-vectors.ts";
import type { RedisConnection } from "./open-redis.ts";
import { type RedisScript, runScript, type ScriptArgument } from "./scripts.ts";

export interface RedisCacheOptions {
  /** The clock of this machine: only says when Redis may forget a scope. */
  readonly now: () => number;
  /**
   * Whether a turn's words may not be kept (any more). Asked after an entry was written, so that an erasure before that is
   * seen and a later one finds the entry; and before one is served, in case an eviction was lost.
   */
  readonly isErased: (turnId: string) => Promise<boolean>;
  /** How long a question waits for vectors that this process has not read yet. */
  readonly readWaitMs?: number;
}

/** What is kept of an entry beside its fields. No versions: what cannot be read is a miss. */
const Kept = z.object({
  scope: z.string(),
  question: z.string(),
  signature: z.string().optional(),
  reply: z.string(),
  turnId: z.string(),
  domain: z.string(),
});

/** An entry ends at its `expiresAtMs`; Redis frees its memory a little later, whatever the clocks of the machines say. */
const KEEP_LONGER_MS = 60_000;
/** Paraphrases of one question are few; what is asked beyond them costs a generated answer. */
const SIGNATURE_ENTRIES_MAX = 5;
const DROP_AT_ONCE = 500;
const SCOPES_AT_ONCE = 50;

/**
 * Rejects with RedisUnavailableError while Redis is away: `withoutCacheOutages` makes misses of that. Vectors are searched in
 * this process, in blocks that follow what all processes put.
 */
export function redisSemanticCache(redis: RedisConnection, options: RedisCacheOptions): SemanticCache {
  const { client } = redis;
  const vectors = cacheVectors(client, options.readWaitMs);
  const root = `${redis.prefix}:cache`;
  const scopesKey = `${root}:scopes`;
  const countsKey = `${root}:counts`;
  const baseOf = (scopeHash: string) => `${root}:{${scopeHash}}`;
  const turnKey = (turnId: string) => `${root}:turn:{${hashOf(turnId)}}`;
  const run = (script: RedisScript, base: string, args: readonly ScriptArgument[]) =>
    runScript(client, script, base, args);

  async function listScopes(): Promise<readonly string[]> {
    await client.zremrangebyscore(scopesKey, "-inf", options.now());
    return client.zrange(scopesKey, "0", "-1");
  }

  async function ofEachScope<T>(act: (base: string) => Promise<T>): Promise<readonly T[]> {
    const results: T[] = [];
    const scopes = await listScopes();
    for (let at = 0; at < scopes.length; at += SCOPES_AT_ONCE) {
      const some = scopes.slice(at, at + SCOPES_AT_ONCE);
      results.push(...(await Promise.all(some.map((scope) => act(baseOf(scope))))));
    }
    return results;
  }

  async function evictTurn(turnId: string): Promise<number> {
    const byScope = new Map<string, string[]>();
    for (const place of texts(await run(takeTurn, turnKey(turnId), []))) {
      const [scope = "", question = ""] = place.split("/");
      byScope.set(scope, [...(byScope.get(scope) ?? []), question]);
    }
    let sum = 0;
    for (const [scope, questions] of byScope) {
      sum += Number(await run(dropOfTurn, baseOf(scope), [hashOf(turnId), ...questions]));
      vectors.forget(baseOf(scope), questions);
    }
    return sum;
  }

  async function dropAll(base: string, expiredBeforeMs: number | undefined): Promise<number> {
    let sum = 0;
    for (;;) {
      const [dropped, looked] = numbers(await run(dropExpired, base, [expiredBeforeMs ?? "+inf", DROP_AT_ONCE]));
      sum += dropped ?? 0;
      if ((looked ?? 0) < DROP_AT_ONCE) return sum;
    }
  }

  async function put(entry: CacheEntry, entriesMax: number): Promise<void> {
    const { scope: name, question, signature, reply, turnId, domain, vector } = entry;
    const scope = hashOf(name);
    const keepMs = Math.max(0, entry.expiresAtMs - entry.createdAtMs) + KEEP_LONGER_MS;
    const place = `${scope}/${hashOf(question)}`;
    const listedAt = turnKey(turnId);
    await Promise.all([client.sadd(listedAt, place), client.pexpire(listedAt, keepMs)]);
    await client.zadd(scopesKey, "GT", options.now() + keepMs, scope);
    await run(putEntry, baseOf(scope), [
      hashOf(question),
      signature === undefined ? "" : hashOf(signature),
      hashOf(turnId),
      entry.createdAtMs,
      entry.expiresAtMs,
      entry.hits,
      JSON.stringify({ scope: name, question, signature, reply, turnId, domain }),
      vector === undefined ? "" : toBytes(vector),
      entriesMax,
      keepMs,
    ]);
    // Evicted while it was written: the list of the turn's entries is gone, and with it goes the entry.
    const isListed = (await client.sismember(listedAt, place)) === 1;
    if (!isListed) await run(dropOfTurn, baseOf(scope), [hashOf(turnId), hashOf(question)]);
  }

  async function readMany(base: string, questions: readonly string[], nowMs: number) {
    return questions.length === 0 ? [] : rows(await run(readEntries, base, [nowMs, ...questions])).map(toEntry);
  }

  async function findNearest(query: Parameters<SemanticCache["findNearest"]>[0]): Promise<readonly NearEntry[]> {
    const base = baseOf(hashOf(query.scope));
    for (;;) {
      const near = await vectors.findNearest({ ...query, base });
      const found = await readMany(
        base,
        near.map(({ id }) => id),
        query.nowMs,
      );
      const gone = near.filter((_, index) => found[index] === undefined).map(({ id }) => id);
      if (gone.length === 0) {
        return near.flatMap(({ similarity }, index) => {
          const entry = found[index];
          return entry === undefined ? [] : [{ entry, similarity }];
        });
      }
      vectors.forget(base, gone); // each turn forgets some: it ends
    }
  }

  const cache: SemanticCache = {
    get: async (scope, question, nowMs) =>
      toEntry(await run(getEntry, baseOf(hashOf(scope)), [hashOf(question), nowMs])),
    async findBySignature(scope, signature, nowMs) {
      const args = [hashOf(signature), nowMs, SIGNATURE_ENTRIES_MAX];
      return rows(await run(findSigned, baseOf(hashOf(scope)), args)).flatMap((row) => toEntry(row) ?? []);
    },
    findNearest,
    put,
    async count(outcome) {
      await client.hincrby(countsKey, outcome, 1);
    },
    evictTurn,
    async clear(expiredBeforeMs) {
      const counts = await ofEachScope((base) => dropAll(base, expiredBeforeMs));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async stats() {
      const [sizes, counts] = await Promise.all([
        ofEachScope(async (base) => numbers(await run(measureScope, base, []))),
        client.hmget(countsKey, "exact", "near", "miss", "skipped"),
      ]);
      const [exactHits = 0, nearHits = 0, misses = 0, skipped = 0] = counts.map(Number);
      const sum = (index: 0 | 1) => sizes.reduce((total, size) => total + (size[index] ?? 0), 0);
      return { entries: sum(0), bytes: sum(1), exactHits, nearHits, misses, skipped };
    },
    async inspect(limit) {
      if (limit <= 0) return [];
      const newest = await ofEachScope(async (base) => {
        const questions = await client.zrevrange(`${base}:o`, 0, limit - 1);
        return (await readMany(base, questions, -1)).filter((entry) => entry !== undefined);
      });
      return newest
        .flat()
        .sort((left, right) => right.createdAtMs - left.createdAtMs)
        .slice(0, limit);
    },
  };
  const isKept = async ({ turnId }: CacheEntry) => !(await options.isErased(turnId));
  return {
    async get(...args) {
      const entry = await redis.use(() => cache.get(...args));
      return entry !== undefined && (await isKept(entry)) ? entry : undefined;
    },
    async findBySignature(...args) {
      const entries = await redis.use(() => cache.findBySignature(...args));
      const kept = await Promise.all(entries.map(isKept));
      return entries.filter((_, index) => kept[index]);
    },
    async findNearest(nearest) {
      const entries = await redis.use(() => cache.findNearest(nearest));
      const kept = await Promise.all(entries.map(({ entry }) => isKept(entry)));
      return entries.filter((_, index) => kept[index]);
    },
    async put(entry, entriesMax) {
      await redis.use(() => cache.put(entry, entriesMax));
      if (!(await isKept(entry))) await redis.use(() => cache.evictTurn(entry.turnId));
    },
    count: (...args) => redis.use(() => cache.count(...args)),
    evictTurn: (...args) => redis.use(() => cache.evictTurn(...args)),
    clear: (...args) => redis.use(() => cache.clear(...args)),
    stats: () => redis.use(() => cache.stats()),
    inspect: (...args) => redis.use(() => cache.inspect(...args)),
  };
}

/** Undefined when there is none, or it cannot be read. */
function toEntry(row: unknown): CacheEntry | undefined {
  if (!Array.isArray(row)) return undefined;
  const [document, vector, createdAt, expiresAt, hits]: readonly unknown[] = row;
  const kept = Kept.safeParse(parseJson(document));
  if (!kept.success) return undefined;
  const { signature, ...fields } = kept.data;
  return {
    ...fields,
    ...(signature === undefined ? {} : { signature }),
    ...(Buffer.isBuffer(vector) ? { vector: toVector(vector) } : {}),
    createdAtMs: Number(createdAt),
    expiresAtMs: Number(expiresAt),
    hits: Number(hits),
  };
}

function parseJson(document: unknown): unknown {
  try {
    return JSON.parse(String(document));
  } catch {
    return undefined;
  }
}

function rows(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: unknown): readonly string[] {
  return rows(value).map(String);
}

function numbers(value: unknown): readonly number[] {
  return rows(value).map(Number);
}

/** Of the escaped text: two different lone surrogates have the same UTF-8. No character of it divides keys. */
function hashOf(text: string): string {
  return createHash("sha256").update(JSON.stringify(text)).digest("base64url");
}
