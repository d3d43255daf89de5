import { isDeepStrictEqual } from "node:util";
import { AdapterRefusedError } from "#core/errors.ts";
import type { Adapter } from "#core/learning.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { Collections } from "./collections.ts";
import { inScope, keyText } from "./keys.ts";

export function mongoAdapters({
  adapter: adapters,
}: Collections): Pick<LearningStore, "saveAdapter" | "findAdapter" | "listAdapters"> {
  return {
    async saveAdapter(adapter) {
      if (await adapters.add(adapter)) return;
      const known = await adapters.find(keyText(adapter.digest));
      if (known !== undefined && !isDeepStrictEqual(identityOf(known), identityOf(adapter))) {
        throw new AdapterRefusedError(adapter.digest, "its digest is stored with other contents");
      }
      await adapters.save(adapter);
    },
    findAdapter: (digest) => adapters.find(keyText(digest)),
    listAdapters: (scope) =>
      adapters.list(scope === undefined ? {} : inScope(scope), { sort: { created_at: -1, key: -1 } }),
  };
}

/** Everything that a digest stands for. */
function identityOf({ state: _, grade: __, ...rest }: Adapter): object {
  return rest;
}
