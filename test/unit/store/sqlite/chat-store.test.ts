import { chatStoreContract } from "../../../contract/chat-store.ts";
import { openTempStore } from "./temp-store.ts";

chatStoreContract(async () => openTempStore().chat);
