import { describe } from "vitest";
import { chatStoreContract } from "../../../contract/chat-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  chatStoreContract(async () => (await openTempMongoStore(peer.uri())).chat);
});
