import { describe } from "vitest";
import { platformStoreContract } from "../../../contract/platform-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  platformStoreContract(async () => {
    const uri = peer.uri();
    return [(await openTempMongoStore(uri)).platforms, (await openTempMongoStore(uri)).platforms];
  });
});
