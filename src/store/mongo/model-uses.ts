import type { ModelStore } from "#store/model-store.ts";
import type { Collections } from "./collections.ts";
import { upsert } from "./records.ts";

export function mongoModelStore({ modelUse: uses }: Collections): ModelStore {
  return {
    async saveUse({ modelDigest, modelName, atMs, failed, totalMs, replyTokens }) {
      const figures = { lastUsedAtMs: atMs, requests: 1, errors: failed ? 1 : 0, totalMs, replyTokens };
      const { _id, key, version, document, ...columns } = uses.rowOf({ modelDigest, modelName, ...figures });
      const { last_used_at, ...sums } = columns;
      const change = { $set: { key, version, document }, $max: { last_used_at }, $inc: sums as Record<string, number> };
      await upsert(() => uses.model.updateOne({ _id }, change, { upsert: true, runValidators: true }));
    },
    queryUse: () => uses.list({}, { sort: { last_used_at: -1, key: 1 } }),
  };
}
