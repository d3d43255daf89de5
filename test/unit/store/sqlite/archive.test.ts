import { archiveContract } from "../../../contract/archive.ts";
import { openTempStore } from "./temp-store.ts";

archiveContract(async () => openTempStore());
