import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isRealMongo, mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";
import { openRelay } from "../../../fixtures/mongo/open-relay.ts";

const CUTS = 3;
const STORES = 6;
const READS = 4;
const BACK_MAX_MS = 8000;

describe.skipIf(mongoPeer === undefined || isRealMongo)("mendDriver() (needs mongodb)", () => {
  const peer = useMongoPeer();

  test("lets every connection find its server again when all were cut while they wrote", {
    timeout: 90_000,
  }, async () => {
    const relay = await openRelay(peer.uri());
    const behind = `${relay.uri}?serverSelectionTimeoutMS=${BACK_MAX_MS}`;
    const stores = await Promise.all(Array.from({ length: STORES }, () => openTempMongoStore(behind)));
    const readAll = (times: number) =>
      stores.flatMap(({ chat }) => Array.from({ length: times }, () => chat.findTurn("t1")));

    for (let cut = 0; cut < CUTS; cut++) {
      await sleep(300);
      const cutOff = Promise.allSettled(readAll(READS));
      await sleep(5);
      relay.hangUp();
      await sleep(1000);
      relay.passOn();

      expect(await Promise.all(readAll(1))).toEqual(stores.map(() => undefined));
      await cutOff;
    }
  });
});
