import { describe } from "vitest";
import { turnVectorStoreContract } from "../../../contract/turn-vector-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  turnVectorStoreContract(async () => openTempMongoStore(peer.uri()));
});
