import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isRealMongo, mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";
import { openWire } from "../../../fixtures/redis/cut-wire.ts";

/** Two looks beside the driver's and its next one; by itself it would look at its hanging connection for 3 s. */
const FOUND_MAX_MS = 2000;

describe.skipIf(mongoPeer === undefined || isRealMongo)("findAgain() (needs mongodb)", () => {
  const peer = useMongoPeer();

  test("finds a server that is back while the driver's look at it hangs", { timeout: 60_000 }, async () => {
    const { port, pathname } = new URL(peer.uri());
    const wire = await openWire({ port: Number(port) });
    const { chat, connection, describeOutage } = await openTempMongoStore(
      `mongodb://127.0.0.1:${wire.port}${pathname}`,
    );
    const client = connection.getClient();
    const waitForLook = () => new Promise((resolve) => client.once("serverHeartbeatStarted", resolve));

    wire.cut();
    while (describeOutage() === undefined) await sleep(20);
    await waitForLook();
    await sleep(50);
    wire.heal();
    const healedAtMs = performance.now();

    expect(await chat.findTurn("t1")).toBeUndefined();
    expect(performance.now() - healedAtMs).toBeLessThan(FOUND_MAX_MS);
  });
});
