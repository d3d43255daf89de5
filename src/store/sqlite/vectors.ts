import type { TurnVectorStore } from "#store/turn-vector-store.ts";
import { toVector } from "#store/vector-block.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";

export function sqliteTurnVectors(sql: Sql): TurnVectorStore {
  const find = sql.prepare<{ vector: Uint8Array }>(
    "SELECT vector FROM turn_vector WHERE turn_id = :turn AND embedder = :embedder",
  );
  // A vector tells of the words: none for an erased turn, however late it comes.
  const put = sql.prepare(`
    INSERT INTO turn_vector (turn_id, embedder, vector)
    SELECT id, :embedder, :vector FROM turn WHERE id = :turn AND is_erased = 0
    ON CONFLICT DO UPDATE SET vector = excluded.vector`);

  return {
    async getVectors(embedderDigest, turnIds) {
      const embedder = keyText(embedderDigest);
      const found = turnIds.flatMap((id) => {
        const row = find.get({ turn: keyText(id), embedder });
        return row === undefined ? [] : [[id, toVector(row.vector)] as const];
      });
      return new Map(found);
    },
    async putVector(embedderDigest, turnId, vector) {
      put.run({ turn: keyText(turnId), embedder: keyText(embedderDigest), vector: toBytes(vector) });
    },
  };
}

/** A copy: libsql binds the whole buffer under a view. */
function toBytes(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.slice().buffer);
}
