import { describe } from "vitest";
import { settingStoreContract } from "../../../contract/setting-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

describe.skipIf(mongoPeer === undefined)("MongoDB (needs mongodb)", () => {
  const peer = useMongoPeer();
  settingStoreContract(async () => {
    const uri = peer.uri();
    return [(await openTempMongoStore(uri)).settings, (await openTempMongoStore(uri)).settings];
  });
});
