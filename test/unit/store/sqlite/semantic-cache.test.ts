import { semanticCacheContract } from "../../../contract/semantic-cache.ts";
import { openTempStore } from "./temp-store.ts";

semanticCacheContract(async () => {
  const store = openTempStore();
  return [store.cache, openTempStore(store.jobsDatabase.path).cache];
});
