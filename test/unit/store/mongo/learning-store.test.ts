import { describe } from "vitest";
import { learningStoreContract } from "../../../contract/learning-store.ts";
import { mongoPeer, openTempMongoStore, RUN_EVENTS_MAX, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  learningStoreContract(async () => ({ ...(await openTempMongoStore(peer.uri())), runEventsMax: RUN_EVENTS_MAX }));
});
