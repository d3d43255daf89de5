import type { LearningStore } from "#store/learning-store.ts";
import type { Collections } from "./collections.ts";
import { keyOf } from "./keys.ts";

type Services = Pick<LearningStore, "getService" | "listServices" | "compareAndSetService">;

export function mongoServices({ service: services }: Collections): Services {
  return {
    getService: ({ workspaceId, audience, domain }) => services.find(keyOf(workspaceId, audience, domain)),
    listServices: () => services.list({}, { sort: { audience: 1, domain: 1 } }),
    async compareAndSetService(next, expectedEpoch) {
      const { _id, ...row } = services.rowOf(next);
      const filter = { _id, epoch: expectedEpoch };
      const set = await services.model.updateOne(filter, { $set: row }, { runValidators: true });
      return set.matchedCount === 1 || (expectedEpoch === 0 && (await services.add(next)));
    },
  };
}
