import { learningStoreContract } from "../../../contract/learning-store.ts";
import { openTempStore, RUN_EVENTS_MAX } from "./temp-store.ts";

learningStoreContract(async () => ({ ...openTempStore(), runEventsMax: RUN_EVENTS_MAX }));
