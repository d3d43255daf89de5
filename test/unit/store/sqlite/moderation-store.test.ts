import { moderationStoreContract } from "../../../contract/moderation-store.ts";
import { openTempStore } from "./temp-store.ts";

moderationStoreContract(async () => openTempStore().moderation);
