import { describe } from "vitest";
import { peopleStoreContract } from "../../../contract/people-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  peopleStoreContract(async () => (await openTempMongoStore(peer.uri())).people);
});
