import { hash as digest } from "node:crypto";
import { setImmediate as letOthers } from "node:timers/promises";
import { z } from "zod";
import type { CacheEntry, CacheStats, SemanticCache } from "#store/semantic-cache.ts";
import { toBytes, toVector } from "#store/vector-block.ts";
import { openCacheCounters } from "./cache-counters.ts";
import { cacheVectors } from "./cache-vectors.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";

/** What is kept of an entry beside its columns. No versions: what cannot be read is a miss. */
const Kept = z.object({
  scope: z.string(),
  question: z.string(),
  signature: z.string().optional(),
  reply: z.string(),
  turnId: z.string(),
  domain: z.string(),
});

interface Row {
  readonly id: number;
  readonly created_at: number;
  readonly expires_at: number;
  readonly hits: number;
  readonly document: string;
  readonly vector: Uint8Array | null;
}

export interface OpenedCache extends SemanticCache {
  /** Writes down the hits that were counted lately. */
  close(): void;
}

/** Paraphrases of one question are few; what is asked beyond them costs a generated answer. */
const SIGNATURE_ENTRIES_MAX = 5;

/** Entries of one write, which others wait for. */
const CLEARED_AT_ONCE = 500;

const COLUMNS = "id, created_at, expires_at, hits, document, vector";

/** Reads go to the file, so that another process's `clear` counts at once; vectors are kept in memory per scope. */
export function openSqliteCache(sql: Sql): OpenedCache {
  const counters = openCacheCounters(sql);
  const vectors = cacheVectors(sql);
  const findExact = sql.prepare<Row>(
    `SELECT ${COLUMNS} FROM cache_entry WHERE scope = :scope AND question_hash = :hash AND expires_at > :nowMs`,
  );
  const findSigned = sql.prepare<Row>(`
    SELECT ${COLUMNS} FROM cache_entry WHERE scope = :scope AND signature_hash = :hash AND expires_at > :nowMs
    ORDER BY created_at DESC, id DESC LIMIT ${SIGNATURE_ENTRIES_MAX}`);
  const findById = sql.prepare<Row>(`SELECT ${COLUMNS} FROM cache_entry WHERE id = :id`);
  const list = sql.prepare<Row>(`SELECT ${COLUMNS} FROM cache_entry ORDER BY created_at DESC, id DESC LIMIT :limit`);
  const insert = sql.prepare<{ id: number }>(`
    INSERT INTO cache_entry (scope, question_hash, signature_hash, turn_id, created_at, expires_at, hits, document, vector)
    VALUES (:scope, :hash, :signatureHash, :turn, :createdAt, :expiresAt, :hits, :document, :vector) RETURNING id`);
  const findErased = sql.prepare<object>("SELECT 1 FROM turn WHERE id = :turn AND is_erased = 1");
  const removeExact = sql.prepare<{ id: number }>(
    "DELETE FROM cache_entry WHERE scope = :scope AND question_hash = :hash RETURNING id",
  );
  const trim = sql.prepare<{ id: number }>(`
    DELETE FROM cache_entry WHERE id IN (
      SELECT id FROM cache_entry WHERE scope = :scope ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET :max
    ) RETURNING id`);
  const removeTurn = sql.prepare("DELETE FROM cache_entry WHERE turn_id = :turn");
  const removeExpired = sql.prepare(`
    DELETE FROM cache_entry WHERE id IN (
      SELECT id FROM cache_entry WHERE expires_at <= :expiredBefore ORDER BY expires_at LIMIT ${CLEARED_AT_ONCE})`);
  const measure = sql.prepare<{ entries: number; bytes: number }>("SELECT entries, bytes FROM cache_size");

  function toEntry(row: Row): CacheEntry | undefined {
    const kept = Kept.safeParse(JSON.parse(row.document));
    if (!kept.success) return undefined;
    const { signature, ...fields } = kept.data;
    return {
      ...fields,
      ...(signature === undefined ? {} : { signature }),
      ...(row.vector === null ? {} : { vector: toVector(row.vector) }),
      createdAtMs: row.created_at,
      expiresAtMs: row.expires_at,
      hits: row.hits + counters.pendingHits(row.id),
    };
  }

  function remove(run: () => number): number {
    return sql.write(() => {
      const removed = run();
      if (removed > 0) vectors.forgetAll();
      return removed;
    });
  }

  return {
    async get(scope, question, nowMs) {
      const row = findExact.get({ scope: keyText(scope), hash: hashOf(question), nowMs });
      if (row === undefined) return undefined;
      counters.addHit(row.id);
      return toEntry(row);
    },
    async findBySignature(scope, signature, nowMs) {
      return findSigned
        .all({ scope: keyText(scope), hash: hashOf(signature), nowMs })
        .flatMap((row) => toEntry(row) ?? []);
    },
    async findNearest({ scope, vector, similarityMin, limit, nowMs }) {
      const near = vectors.findNearest(keyText(scope), vector, similarityMin, limit, nowMs);
      return near.flatMap(({ id, similarity }) => {
        const row = findById.get({ id });
        const entry = row && toEntry(row);
        return entry === undefined ? [] : [{ entry, similarity }];
      });
    },
    async put(entry, entriesMax) {
      const { scope: name, question, signature, reply, turnId, domain, vector } = entry;
      const scope = keyText(name);
      const hash = hashOf(question);
      sql.write(() => {
        if (findErased.get({ turn: keyText(turnId) }) !== undefined) return;
        const replaced = removeExact.all({ scope, hash });
        const { id } = insert.get({
          scope,
          hash,
          signatureHash: signature === undefined ? null : hashOf(signature),
          turn: keyText(turnId),
          createdAt: entry.createdAtMs,
          expiresAt: entry.expiresAtMs,
          hits: entry.hits,
          document: JSON.stringify({ scope: name, question, signature, reply, turnId, domain }),
          vector: vector === undefined ? null : toBytes(vector),
        }) ?? { id: 0 };
        const trimmed = trim.all({ scope, max: entriesMax });
        vectors.replace(
          scope,
          [...replaced, ...trimmed].map((row) => row.id),
          { id, vector, expiresAtMs: entry.expiresAtMs },
        );
      });
    },
    async count(outcome) {
      counters.addOutcome(outcome);
    },
    async evictTurn(turnId) {
      return remove(() => removeTurn.run({ turn: keyText(turnId) }));
    },
    async clear(expiredBeforeMs) {
      const expiredBefore = expiredBeforeMs ?? Number.MAX_SAFE_INTEGER;
      for (let sum = 0; ; await letOthers()) {
        const removed = remove(() => removeExpired.run({ expiredBefore }));
        sum += removed;
        if (removed < CLEARED_AT_ONCE) return sum;
      }
    },
    async stats(): Promise<CacheStats> {
      const { entries, bytes } = measure.get() ?? { entries: 0, bytes: 0 };
      return { entries, bytes, ...counters.read() };
    },
    async inspect(limit) {
      return list.all({ limit }).flatMap((row) => toEntry(row) ?? []);
    },
    close() {
      counters.close();
    },
  };
}

/** Of the escaped text: two different lone surrogates have the same UTF-8. */
function hashOf(text: string): string {
  return digest("sha256", keyText(text), "base64");
}
