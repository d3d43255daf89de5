import { describe } from "vitest";
import { archiveContract } from "../../../contract/archive.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  archiveContract(async () => openTempMongoStore(peer.uri()));
});
