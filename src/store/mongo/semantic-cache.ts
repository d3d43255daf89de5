import { createHash } from "node:crypto";
import { type Connection, Types } from "mongoose";
import type { CacheEntry, SemanticCache } from "#store/semantic-cache.ts";
import { keyText } from "./keys.ts";
import { nextOrder, openModel, parseJson, upsert } from "./records.ts";
import { toBytes, toVector } from "./vectors.ts";

interface EntryRow {
  readonly _id: string;
  readonly scope: string;
  readonly signature: string | null;
  readonly turn: string;
  readonly created_at: number;
  readonly expires_at: number;
  /** From when on MongoDB may delete it. */
  readonly expires_on: Date;
  readonly hits: number;
  readonly bytes: number;
  readonly order: string;
  readonly document: string;
  readonly vector: { readonly buffer: Uint8Array } | null;
  readonly dimensions: number;
}

interface Known {
  readonly order: string;
  readonly vector: Float32Array;
}

/** Vectors of a scope, kept in the process; what was removed elsewhere is found out when it would be proposed. */
interface Block {
  readonly known: Map<string, Known>;
  last: string;
}

const SIGNATURES_MAX = 5;
/** A scope is an audience, a model and an adapter: few are asked at a time. */
const BLOCKS_MAX = 32;
/** Machines whose clocks differ by less see one another's entries at once. */
const CLOCKS_DIFFER_SECONDS = 10;
const FIRST = "0".repeat(24);

const COUNTS = { exact: "exactHits", near: "nearHits", miss: "misses", skipped: "skipped" } as const;

export function mongoCache(connection: Connection): SemanticCache {
  const entries = openModel<EntryRow>(connection, "cache_entry", {
    ...{ scope: String, signature: String, turn: String, created_at: Number, expires_at: Number, expires_on: Date },
    ...{ hits: Number, bytes: Number, order: String, document: String, vector: Buffer, dimensions: Number },
  });
  const counts = openModel<{ readonly _id: string; readonly value: number }>(connection, "cache_count", {
    value: Number,
  });
  const blocks = new Map<string, Block>();

  async function readBlock(scope: string): Promise<ReadonlyMap<string, Known>> {
    const block = blocks.get(scope) ?? { known: new Map(), last: FIRST };
    blocks.delete(scope);
    blocks.set(scope, block);
    for (const [oldest] of blocks) if (blocks.size > BLOCKS_MAX) blocks.delete(oldest);
    const fresh = await entries
      .find({ scope, order: { $gt: before(block.last) }, dimensions: { $gt: 0 } }, { vector: 1, order: 1 })
      .lean<Pick<EntryRow, "_id" | "vector" | "order">[]>();
    for (const { _id, vector, order } of fresh) {
      if (vector !== null) block.known.set(_id, { order, vector: toVector(vector.buffer) });
      if (order > block.last) block.last = order;
    }
    return block.known;
  }

  async function dropOldest(scope: string, entriesMax: number): Promise<void> {
    const many = await entries.countDocuments({ scope });
    if (many <= entriesMax) return;
    const oldest = await entries
      .find({ scope }, { _id: 1 })
      .sort({ created_at: 1, order: 1 })
      .limit(many - entriesMax)
      .lean<Pick<EntryRow, "_id">[]>();
    await entries.deleteMany({ _id: { $in: oldest.map(({ _id }) => _id) } });
  }

  return {
    async get(scope, question, nowMs) {
      const asked = { _id: idOf(scope, question), expires_at: { $gt: nowMs } };
      const row = await entries
        .findOneAndUpdate(asked, { $inc: { hits: 1 } }, { returnDocument: "after" })
        .lean<EntryRow>();
      return row === null ? undefined : readEntry(row);
    },
    async findBySignature(scope, signature, nowMs) {
      const rows = await entries
        .find({ scope: keyText(scope), signature: hash(signature), expires_at: { $gt: nowMs } })
        .sort({ created_at: -1, order: -1 })
        .limit(SIGNATURES_MAX)
        .lean<EntryRow[]>();
      return rows.map(readEntry);
    },
    async findNearest({ scope: name, vector, similarityMin, limit, nowMs }) {
      const scope = keyText(name);
      const known = await readBlock(scope);
      const near = Array.from(known, ([id, one]) => ({ id, order: one.order, similarity: cosine(vector, one.vector) }))
        .filter(({ similarity }) => similarity >= similarityMin)
        .sort((a, b) => b.similarity - a.similarity);
      const found: { entry: CacheEntry; similarity: number }[] = [];
      for (let at = 0; at < near.length && found.length < limit; at += limit) {
        const some = near.slice(at, at + limit);
        const rows = await entries.find({ _id: { $in: some.map(({ id }) => id) } }).lean<EntryRow[]>();
        const byId = new Map(rows.map((row) => [row._id, row]));
        for (const { id, order, similarity } of some) {
          const row = byId.get(id);
          if (row?.order !== order) blocks.get(scope)?.known.delete(id);
          else if (row.expires_at > nowMs && found.length < limit) found.push({ entry: readEntry(row), similarity });
        }
      }
      return found;
    },
    async put(entry, entriesMax) {
      const { vector, ...rest } = entry;
      const document = JSON.stringify(rest);
      const row = {
        scope: keyText(entry.scope),
        signature: entry.signature === undefined ? null : hash(entry.signature),
        turn: keyText(entry.turnId),
        created_at: entry.createdAtMs,
        expires_at: entry.expiresAtMs,
        // MongoDB compares it with its own clock.
        expires_on: new Date(Date.now() + entry.expiresAtMs - entry.createdAtMs),
        hits: entry.hits,
        order: nextOrder(),
        bytes: Buffer.byteLength(document) + (vector?.byteLength ?? 0),
        document,
        vector: vector === undefined ? null : toBytes(vector),
        dimensions: vector?.length ?? 0,
      };
      const _id = idOf(entry.scope, entry.question);
      await upsert(() => entries.updateOne({ _id }, { $set: row } as never, { upsert: true }));
      await dropOldest(row.scope, entriesMax);
    },
    async count(outcome) {
      await upsert(() => counts.updateOne({ _id: outcome }, { $inc: { value: 1 } }, { upsert: true }));
    },
    async evictTurn(turnId) {
      return (await entries.deleteMany({ turn: keyText(turnId) })).deletedCount;
    },
    async clear(expiredBeforeMs) {
      const filter = expiredBeforeMs === undefined ? {} : { expires_at: { $lt: expiredBeforeMs } };
      return (await entries.deleteMany(filter)).deletedCount;
    },
    async stats() {
      const told = await counts.find({}).lean<{ _id: keyof typeof COUNTS; value: number }[]>();
      // From the index alone: the entries themselves are megabytes.
      const [sums] = await entries.aggregate<{ entries: number; bytes: number }>([
        { $match: { bytes: { $gte: 0 } } },
        { $group: { _id: null, entries: { $sum: 1 }, bytes: { $sum: "$bytes" } } },
      ]);
      const none = { exactHits: 0, nearHits: 0, misses: 0, skipped: 0 };
      const outcomes = Object.fromEntries(told.map(({ _id, value }) => [COUNTS[_id], value]));
      return { ...none, ...outcomes, entries: sums?.entries ?? 0, bytes: sums?.bytes ?? 0 };
    },
    async inspect(limit) {
      if (limit <= 0) return [];
      const rows = await entries.find({}).sort({ created_at: -1, order: -1 }).limit(limit).lean<EntryRow[]>();
      return rows.map(readEntry);
    },
  };
}

function readEntry({ document, hits, vector }: EntryRow): CacheEntry {
  const fields = parseJson(document) as Omit<CacheEntry, "vector" | "hits">;
  return { ...fields, hits, ...(vector ? { vector: toVector(vector.buffer) } : {}) };
}

function idOf(scope: string, question: string): string {
  return hash(JSON.stringify([scope, question]));
}

function hash(text: string): string {
  return createHash("sha256").update(JSON.stringify(text)).digest("hex");
}

/** The smallest order of some seconds before. */
function before(order: string): string {
  const seconds = Number.parseInt(order.slice(0, 8), 16) - CLOCKS_DIFFER_SECONDS;
  return seconds <= 0 ? FIRST : Types.ObjectId.createFromTime(seconds).toHexString();
}

/** Of unit vectors; below any bound where they are of different embedders. */
function cosine(left: Float32Array, right: Float32Array): number {
  if (left.length !== right.length) return Number.NEGATIVE_INFINITY;
  return left.reduce((sum, value, at) => sum + value * (right[at] ?? 0), 0);
}
