import { peopleStoreContract } from "../../../contract/people-store.ts";
import { openTempStore } from "./temp-store.ts";

peopleStoreContract(async () => openTempStore().people);
