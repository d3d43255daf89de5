import { privacyStoreContract } from "../../../contract/privacy-store.ts";
import { openTempStore } from "./temp-store.ts";

privacyStoreContract(async () => openTempStore());
