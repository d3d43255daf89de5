import { platformStoreContract } from "../../../contract/platform-store.ts";
import { openTempStore } from "./temp-store.ts";

platformStoreContract(async () => {
  const store = openTempStore();
  return [store.platforms, openTempStore(store.jobsDatabase.path).platforms];
});
