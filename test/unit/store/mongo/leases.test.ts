import { describe } from "vitest";
import { leaseContract } from "../../../contract/lease.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  leaseContract(async () => {
    const uri = peer.uri();
    return [(await openTempMongoStore(uri)).leases, (await openTempMongoStore(uri)).leases];
  });
});
