import { describe } from "vitest";
import { privacyStoreContract } from "../../../contract/privacy-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  privacyStoreContract(async () => openTempMongoStore(peer.uri()));
});
