import { learningStoreContract } from "../../../contract/learning-store.ts";
import { openTempStore } from "./temp-store.ts";

learningStoreContract(async () => openTempStore());
