import { describe } from "vitest";
import { modelStoreContract } from "../../../contract/model-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  modelStoreContract(async () => (await openTempMongoStore(peer.uri())).models);
});
