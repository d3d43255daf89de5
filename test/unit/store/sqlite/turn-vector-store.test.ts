import { turnVectorStoreContract } from "../../../contract/turn-vector-store.ts";
import { openTempStore } from "./temp-store.ts";

turnVectorStoreContract(async () => openTempStore());
