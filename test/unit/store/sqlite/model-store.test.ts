import { modelStoreContract } from "../../../contract/model-store.ts";
import { openTempStore } from "./temp-store.ts";

modelStoreContract(async () => openTempStore().models);
