import { describe } from "vitest";
import { moderationStoreContract } from "../../../contract/moderation-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  moderationStoreContract(async () => (await openTempMongoStore(peer.uri())).moderation);
});
