import { type Near, toVector, type VectorBlock, vectorBlock } from "#store/vector-block.ts";
import type { Sql } from "./sql.ts";

/**
 * The vectors of a scope in one block of memory, read from the file at first use. A counter in the file, raised by every
 * change of entries in any process, tells when memory is stale. Must be changed inside the write that changes the rows.
 */
export interface CacheVectors {
  /** By falling cosine. */
  findNearest(
    scope: string,
    query: Float32Array,
    similarityMin: number,
    limit: number,
    nowMs: number,
  ): readonly Near<number>[];
  replace(scope: string, removedIds: readonly number[], added: AddedVector): void;
  forgetAll(): void;
}

export interface AddedVector {
  readonly id: number;
  readonly vector: Float32Array | undefined;
  readonly expiresAtMs: number;
}

/** 32 scopes of 10,000 entries with 384 dimensions are 490 MB: seldom used ones are read again instead. */
const BLOCKS_MAX = 32;
const FLOATS_MAX = 64_000_000;

export function cacheVectors(sql: Sql): CacheVectors {
  /** By scope and length, least recently used first. */
  const blocks = new Map<string, VectorBlock<number>>();
  let generation = -1;
  const readGeneration = sql.prepare<{ count: number }>("SELECT count FROM cache_count WHERE name = 'generation'");
  const raiseGeneration = sql.prepare<{ count: number }>(`
    INSERT INTO cache_count (name, count) VALUES ('generation', 1)
    ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count`);
  const load = sql.prepare<{ id: number; expires_at: number; vector: Uint8Array }>(`
    SELECT id, expires_at, vector FROM cache_entry WHERE scope = :scope AND length(vector) = :bytes`);

  function dropStale(): void {
    const current = readGeneration.get()?.count ?? 0;
    if (current === generation) return;
    blocks.clear();
    generation = current;
  }

  function open(scope: string, dimensions: number): VectorBlock<number> {
    const key = `${dimensions} ${scope}`;
    const block = blocks.get(key) ?? read(scope, dimensions);
    blocks.delete(key);
    blocks.set(key, block);
    const floats = () => Array.from(blocks.values()).reduce((sum, block) => sum + block.floats(), 0);
    for (const oldest of blocks.keys()) {
      if (blocks.size === 1 || (blocks.size <= BLOCKS_MAX && floats() <= FLOATS_MAX)) break;
      blocks.delete(oldest);
    }
    return block;
  }

  function read(scope: string, dimensions: number): VectorBlock<number> {
    const rows = load.all({ scope, bytes: dimensions * 4 });
    const block = vectorBlock<number>(dimensions, rows.length);
    for (const row of rows) block.add(row.id, row.expires_at, toVector(row.vector));
    return block;
  }

  return {
    findNearest(scope, query, similarityMin, limit, nowMs) {
      dropStale();
      return open(scope, query.length).findNearest(query, similarityMin, limit, nowMs);
    },
    replace(scope, removedIds, added) {
      dropStale();
      generation = raiseGeneration.get()?.count ?? -1;
      for (const [key, block] of blocks) {
        if (key.slice(key.indexOf(" ") + 1) !== scope) continue;
        for (const id of removedIds) block.remove(id);
        if (added.vector?.length === block.dimensions) block.add(added.id, added.expiresAtMs, added.vector);
      }
    },
    forgetAll() {
      generation = raiseGeneration.get()?.count ?? -1;
      blocks.clear();
    },
  };
}
