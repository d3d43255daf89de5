import type { TurnVectorStore } from "#store/turn-vector-store.ts";
import type { Collections, VectorRow } from "./collections.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import { keyOf, keyText, readKeyText } from "./keys.ts";
import { upsert } from "./records.ts";

export function mongoTurnVectors({ vector: vectors, turnRow }: Collections, erased: ErasedLookup): TurnVectorStore {
  return {
    async getVectors(embedderDigest, turnIds) {
      const _id = { $in: turnIds.map((turnId) => keyOf(embedderDigest, turnId)) };
      const rows = turnIds.length === 0 ? [] : await vectors.find({ _id }).lean<VectorRow[]>();
      return new Map(rows.map((row) => [readKeyText(row.turn), toVector(row.vector.buffer)]));
    },
    async putVector(embedderDigest, turnId, vector) {
      const turn = keyText(turnId);
      // A vector tells of the words: none for an erased turn, however late it comes.
      if ((await turnRow.exists({ _id: turn, is_erased: 0 })) === null) return;
      const _id = keyOf(embedderDigest, turnId);
      const values = { turn, embedder: keyText(embedderDigest), vector: toBytes(vector) };
      await upsert(() => vectors.updateOne({ _id }, { $set: values } as never, { upsert: true }));
      if (await erased.isTurnErased(turnId)) await vectors.deleteMany({ turn });
    },
  };
}

export function toBytes(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** A copy: the driver's buffers are views into larger ones, at any byte. */
export function toVector(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
