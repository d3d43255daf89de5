import { settingStoreContract } from "../../../contract/setting-store.ts";
import { openTempStore } from "./temp-store.ts";

settingStoreContract(async () => {
  const store = openTempStore();
  return [store.settings, openTempStore(store.jobsDatabase.path).settings];
});
