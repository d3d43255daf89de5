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
  ): readonly NearId[];
  replace(scope: string, removedIds: readonly number[], added: AddedVector): void;
  forgetAll(): void;
}

export interface NearId {
  readonly id: number;
  readonly similarity: number;
}

export interface AddedVector {
  readonly id: number;
  readonly vector: Float32Array | undefined;
  readonly expiresAtMs: number;
}

/** Vectors of one length, end to end: entry `i` begins at `i * dimensions`. */
interface Block {
  readonly dimensions: number;
  readonly ids: number[];
  readonly expiresAtMs: number[];
  values: Float32Array;
}

/** 32 scopes of 10,000 entries with 384 dimensions are 490 MB: seldom used ones are read again instead. */
const BLOCKS_MAX = 32;
const FLOATS_MAX = 64_000_000;

export function cacheVectors(sql: Sql): CacheVectors {
  /** By scope and length, least recently used first. */
  const blocks = new Map<string, Block>();
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

  function open(scope: string, dimensions: number): Block {
    const key = `${dimensions} ${scope}`;
    const block = blocks.get(key) ?? read(scope, dimensions);
    blocks.delete(key);
    blocks.set(key, block);
    const floats = () => Array.from(blocks.values()).reduce((sum, { values }) => sum + values.length, 0);
    for (const oldest of blocks.keys()) {
      if (blocks.size === 1 || (blocks.size <= BLOCKS_MAX && floats() <= FLOATS_MAX)) break;
      blocks.delete(oldest);
    }
    return block;
  }

  function read(scope: string, dimensions: number): Block {
    const rows = load.all({ scope, bytes: dimensions * 4 });
    const values = new Float32Array(Math.max(16, rows.length) * dimensions);
    const block: Block = { dimensions, ids: [], expiresAtMs: [], values };
    for (const row of rows) add(block, row.id, row.expires_at, toVector(row.vector));
    return block;
  }

  return {
    findNearest(scope, query, similarityMin, limit, nowMs) {
      dropStale();
      return nearest(open(scope, query.length), query, similarityMin, limit, nowMs);
    },
    replace(scope, removedIds, added) {
      dropStale();
      generation = raiseGeneration.get()?.count ?? -1;
      for (const [key, block] of blocks) {
        if (key.slice(key.indexOf(" ") + 1) !== scope) continue;
        for (const id of removedIds) remove(block, id);
        if (added.vector?.length === block.dimensions) add(block, added.id, added.expiresAtMs, added.vector);
      }
    },
    forgetAll() {
      generation = raiseGeneration.get()?.count ?? -1;
      blocks.clear();
    },
  };
}

/** A copy: the bytes of a row are a view, and need not begin where a float may begin. */
export function toVector(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}

function add(block: Block, id: number, expiresAtMs: number, vector: Float32Array): void {
  const at = block.ids.length * block.dimensions;
  if (at + block.dimensions > block.values.length) {
    const larger = new Float32Array(block.values.length * 2);
    larger.set(block.values);
    block.values = larger;
  }
  block.values.set(vector, at);
  block.ids.push(id);
  block.expiresAtMs.push(expiresAtMs);
}

/** The last entry takes the place of the removed one. */
function remove(block: Block, id: number): void {
  const index = block.ids.indexOf(id);
  if (index < 0) return;
  const lastId = block.ids.pop();
  const lastExpiresAtMs = block.expiresAtMs.pop();
  const last = block.ids.length;
  if (index === last || lastId === undefined || lastExpiresAtMs === undefined) return;
  block.ids[index] = lastId;
  block.expiresAtMs[index] = lastExpiresAtMs;
  block.values.copyWithin(index * block.dimensions, last * block.dimensions, (last + 1) * block.dimensions);
}

function nearest(
  block: Block,
  query: Float32Array,
  similarityMin: number,
  limit: number,
  nowMs: number,
): readonly NearId[] {
  const found: NearId[] = [];
  block.ids.forEach((id, index) => {
    if ((block.expiresAtMs[index] ?? 0) <= nowMs) return;
    const similarity = dot(block.values, index * block.dimensions, query);
    const last = found.at(-1);
    if (similarity < similarityMin || (found.length >= limit && last !== undefined && similarity <= last.similarity))
      return;
    found.push({ id, similarity });
    found.sort((left, right) => right.similarity - left.similarity);
    if (found.length > limit) found.pop();
  });
  return found;
}

/** Four sums at once: one alone waits for itself at every step. */
function dot(values: Float32Array, from: number, query: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = query.length - (query.length % 4);
  for (let at = 0; at < whole; at += 4) {
    a += (values[from + at] ?? 0) * (query[at] ?? 0);
    b += (values[from + at + 1] ?? 0) * (query[at + 1] ?? 0);
    c += (values[from + at + 2] ?? 0) * (query[at + 2] ?? 0);
    d += (values[from + at + 3] ?? 0) * (query[at + 3] ?? 0);
  }
  for (let at = whole; at < query.length; at += 1) a += (values[from + at] ?? 0) * (query[at] ?? 0);
  return a + b + c + d;
}
