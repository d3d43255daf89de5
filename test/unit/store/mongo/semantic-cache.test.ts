import { describe } from "vitest";
import { semanticCacheContract } from "../../../contract/semantic-cache.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  semanticCacheContract(async () => {
    const uri = peer.uri();
    return [(await openTempMongoStore(uri)).cache, (await openTempMongoStore(uri)).cache];
  });
});
