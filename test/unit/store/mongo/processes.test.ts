import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { ALL_DOMAINS } from "#core/scope.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { openGridFiles } from "#store/mongo/grid-files.ts";
import { type MongoStore, openMongoStore } from "#store/mongo/open-mongo-store.ts";
import { SCOPE, sampleMessage, sampleTurn } from "../../../contract/sample-records.ts";
import { isRealMongo, mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";
import { recordingLog } from "../../../fixtures/redis/start-redis.ts";
import { type Acknowledgement, useWriter } from "../../../fixtures/store/start-writer.ts";
import { makeTempFolder } from "../sqlite/temp-store.ts";

const ROUNDS = Number(process.env["SOAK_ROUNDS"] ?? 2);

describe.skipIf(mongoPeer === undefined)("openMongoStore() in several processes (needs mongodb)", () => {
  const peer = useMongoPeer({ isDurable: true });
  const startWriter = useWriter();
  const victims = isRealMongo ? (["writer"] as const) : (["writer", "server"] as const);

  test.each(victims)(
    "keeps every acknowledged write when the %s is killed",
    { timeout: 60_000 + ROUNDS * 30_000 },
    async (victim) => {
      const uri = peer.uri();
      const newest = new Map<string, Acknowledgement>();
      let writes = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const writer = startWriter(uri, "write", `${round}`);
        await vi.waitFor(() => expect(writer.acknowledged.length).toBeGreaterThan(9), { timeout: 20_000, interval: 5 });
        await sleep(Math.random() * 400);
        if (victim === "server") await peer.restart("SIGKILL");
        writer.process.kill("SIGKILL");
        await writer.ended;
        for (const told of writer.acknowledged) newest.set(`${told.what} ${told.id}`, told);
        writes += writer.acknowledged.length;

        const store = await openMongoStore({ uri, now: Date.now });
        for (const told of newest.values()) expect(await isKept(store, told), JSON.stringify(told)).toBe(true);
        await expectCountsToBeRight(store);
        await store.close();
      }
      expect(writes).toBeGreaterThan(ROUNDS * 9);
    },
  );

  test("gives each event and each lease to one process only, and loses no count", { timeout: 180_000 }, async () => {
    const uri = peer.uri();
    const store = await openTempMongoStore(uri);
    const ids = Array.from({ length: 30 }, (_, index) => `e${index}`);
    await store.chat.saveTurn(sampleTurn({ id: "shared" }));
    for (const [index, id] of ids.entries()) await store.chat.acceptEvent(id, sampleMessage(), index);

    const writers = ["one", "two", "three"].map((name) => startWriter(uri, "claim", name));
    const untilReady = () => {
      for (const { acknowledged } of writers) expect(acknowledged).toHaveLength(1);
    };
    await vi.waitFor(untilReady, { timeout: 30_000, interval: 10 });
    for (const writer of writers) writer.process.stdin?.end("go");
    await Promise.all(writers.map(({ ended }) => ended));

    const told = writers.flatMap(({ acknowledged }) => acknowledged);
    const idsOf = (what: Acknowledgement["what"]) => told.filter((one) => one.what === what).map(({ id }) => id);
    expect(idsOf("claim").sort()).toEqual([...ids].sort());
    expect(new Set(idsOf("lease")).size).toBe(100);
    expect(idsOf("lease")).toHaveLength(100);
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({
      messages: 62,
      feedback: 30,
      raters: 30,
      examples: 1,
    });
    await expectCountsToBeRight(store);
  });

  test("leaves figures to the process that is settling them, and settles them when they are asked for", async () => {
    const store = await openTempMongoStore(peer.uri());
    let saved = 0;
    const saveMany = async () => {
      for (let index = 0; index < 64; index++) await store.chat.saveTurn(sampleTurn({ id: `t${saved++}` }));
      await sleep(300);
    };
    const noted = () => store.connection.collection("intent").countDocuments({});
    const nowMs = 1_767_268_800_000;
    const lease = await store.leases.acquire("settle", "another process", 60_000, nowMs);
    if (lease === undefined) throw new Error("nobody held it");
    await saveMany();
    expect(await noted()).toBe(64);

    await store.leases.release(lease);
    await saveMany();
    await vi.waitFor(async () => expect(await noted()).toBe(0), { timeout: 5000 });
    expect((await store.leases.acquire("settle", "another process", 60_000, nowMs))?.fencingToken).toBeGreaterThan(2);

    await saveMany();
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({ messages: 384 });
    await expectCountsToBeRight(store);
  });

  test.skipIf(isRealMongo)("goes on by itself when the server was away for a while", { timeout: 60_000 }, async () => {
    const log = recordingLog();
    const store = await openTempMongoStore(peer.uri(), { log });
    await store.chat.saveTurn(sampleTurn());
    expect(store.describeOutage()).toBeUndefined();
    await peer.stop();
    const files = openGridFiles(store.connection, await openFileStore(makeTempFolder(), Date.now));
    const meanwhile = await Promise.allSettled([
      store.chat.findTurn("t1"),
      store.chat.acceptEvent("e1", sampleMessage(), 1),
      store.learning.readCounts(SCOPE, 0),
      files.list(),
    ]);
    expect(meanwhile.map((one) => one.status === "rejected" && one.reason.code)).toEqual(
      meanwhile.map(() => "STORE_UNREACHABLE"),
    );
    // Requests fail before the driver has looked again.
    const isTold = () => expect(store.describeOutage()).toMatch(/^MongoDB at 127\.0\.0\.1:\d+ does not answer/u);
    await vi.waitFor(isTold, { timeout: 10_000, interval: 50 });
    await peer.start();

    const isBack = async () => expect((await store.chat.findTurn("t1"))?.id).toBe("t1");
    await vi.waitFor(isBack, { timeout: 5000, interval: 50 });
    await store.chat.acceptEvent("e1", sampleMessage(), 1);
    expect((await store.chat.claimEvent({ claimedBy: "one", nowMs: 2, leaseMs: 9 }))?.id).toBe("e1");
    expect(store.describeOutage()).toBeUndefined();
    expect(log.lines.map(({ event }) => event)).toEqual([
      "store.migrated",
      "store.opened",
      "store.lost",
      "store.returned",
    ]);
  });
});

/** The record is there with what was acknowledged, or with a later write that was not told any more. */
async function isKept({ chat, learning }: MongoStore, { what, id, value }: Acknowledgement): Promise<boolean> {
  if (what === "turn") return Number((await chat.findTurn(id))?.reply) >= value;
  if (what === "score") return Number((await chat.listFeedback(id))[0]?.comment) >= value;
  if (what === "delivery") return ((await chat.listDeliveries(id))[0]?.changedAtMs ?? -1) >= value;
  if (what === "service") return ((await learning.getService(SCOPE))?.epoch ?? 0) >= value;
  return !(await chat.acceptEvent(id, sampleMessage(), 0));
}

async function expectCountsToBeRight({ learning }: MongoStore): Promise<void> {
  const read = () =>
    Promise.all([ALL_DOMAINS, "support", "legal"].map((domain) => learning.readCounts({ ...SCOPE, domain }, 0)));
  const kept = await read();
  await learning.rebuildCounts();
  expect(await read()).toEqual(kept);
}
