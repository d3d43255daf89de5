import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isRealMongo, mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";
import { openRelay } from "../../../fixtures/mongo/open-relay.ts";

/** Where the driver (mongodb 7.8.0) keeps its pools. */
interface Topology {
  readonly s: { readonly servers: ReadonlyMap<string, { readonly pool: { readonly minPoolSizeTimer: object } }> };
}

const CUTS = 3;
const STORES = 6;
const READS = 4;
const BACK_MAX_MS = 8000;

describe.skipIf(mongoPeer === undefined || isRealMongo)("mendDriver() (needs mongodb)", () => {
  const peer = useMongoPeer();

  test("calmPools() lets each pool look for connections every 2 s", async () => {
    const { chat, connection } = await openTempMongoStore(peer.uri());
    await chat.findTurn("t1");
    const { topology } = connection.getClient() as unknown as { readonly topology: Topology };

    const timers = [...topology.s.servers.values()].map(({ pool }) => pool.minPoolSizeTimer);
    expect(timers).toMatchObject([{ _idleTimeout: 2000 }]);
  });

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
