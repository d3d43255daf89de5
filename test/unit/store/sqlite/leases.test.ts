import { leaseContract } from "../../../contract/lease.ts";
import { openTempStore } from "./temp-store.ts";

leaseContract(async () => {
  const store = openTempStore();
  return [store.leases, openTempStore(store.jobsDatabase.path).leases];
});
