import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { ALL_DOMAINS } from "#core/scope.ts";
import { openSqliteStore, type SqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { SCOPE, sampleMessage, sampleTurn } from "../../../contract/sample-records.ts";
import { type Acknowledgement, useWriter } from "../../../fixtures/store/start-writer.ts";
import { makeTempFolder, openTempStore } from "./temp-store.ts";

const ROUNDS = Number(process.env["SOAK_ROUNDS"] ?? 4);
const SEED = Number(process.env["SOAK_SEED"] ?? 7);

/** Mulberry32: small, and the same on every machine. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("openSqliteStore() in several processes", () => {
  const startWriter = useWriter();

  test("keeps every acknowledged write when its process is killed", { timeout: 30_000 + ROUNDS * 5000 }, async () => {
    const random = seededRandom(SEED);
    const path = join(makeTempFolder(), "reactune.db");
    const newest = new Map<string, Acknowledgement>();
    let writes = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const writer = startWriter(path, "write", `${round}`);
      await vi.waitFor(() => expect(writer.acknowledged.length).toBeGreaterThan(0), { timeout: 10_000, interval: 5 });
      await sleep(random() * 250);
      writer.process.kill("SIGKILL");
      await writer.ended;
      for (const told of writer.acknowledged) newest.set(`${told.what} ${told.id}`, told);
      writes += writer.acknowledged.length;

      const store = openSqliteStore({ path, now: Date.now });
      for (const told of newest.values()) expect(await isKept(store, told), JSON.stringify(told)).toBe(true);
      await expectCountsToBeRight(store);
      store.close();
    }
    expect(writes).toBeGreaterThan(ROUNDS * 5);
  });

  test("makes a new file once when several processes start together", { timeout: 30_000 }, async () => {
    const path = join(makeTempFolder(), "reactune.db");
    const writers = ["one", "two", "three", "four"].map((name) => startWriter(path, "claim", name));
    await Promise.all(writers.map(({ ended }) => ended));

    expect(writers.map(({ acknowledged }) => acknowledged.map(({ what }) => what))).toEqual(
      writers.map(() => ["done"]),
    );
  });

  test("gives each event to one process only, and loses no count", { timeout: 60_000 }, async () => {
    const path = join(makeTempFolder(), "reactune.db");
    const store = openTempStore(path);
    const ids = Array.from({ length: 60 }, (_, index) => `e${index}`);
    await store.chat.saveTurn(sampleTurn({ id: "shared" }));
    for (const [index, id] of ids.entries()) await store.chat.acceptEvent(id, sampleMessage(), index);

    const writers = ["one", "two", "three"].map((name) => startWriter(path, "claim", name));
    await Promise.all(writers.map(({ ended }) => ended));

    const told = writers.flatMap(({ acknowledged }) => acknowledged);
    expect(told.filter(({ what }) => what === "done")).toHaveLength(3);
    const claimed = told.filter(({ what }) => what === "claim").map(({ id }) => id);
    expect(claimed.sort()).toEqual([...ids].sort());
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({
      messages: 122,
      feedback: 60,
      raters: 60,
      examples: 1,
    });
    await expectCountsToBeRight(store);
  });
});

/** The record is there with what was acknowledged, or with a later write that was not told any more. */
async function isKept({ chat, learning }: SqliteStore, { what, id, value }: Acknowledgement): Promise<boolean> {
  if (what === "turn") return Number((await chat.findTurn(id))?.reply) >= value;
  if (what === "score") return Number((await chat.listFeedback(id))[0]?.comment) >= value;
  if (what === "delivery") return ((await chat.listDeliveries(id))[0]?.changedAtMs ?? -1) >= value;
  if (what === "service") return ((await learning.getService(SCOPE))?.epoch ?? 0) >= value;
  return !(await chat.acceptEvent(id, sampleMessage(), 0));
}

async function expectCountsToBeRight({ learning }: SqliteStore): Promise<void> {
  const read = () =>
    Promise.all([ALL_DOMAINS, "support", "legal"].map((domain) => learning.readCounts({ ...SCOPE, domain }, 0)));
  const kept = await read();
  await learning.rebuildCounts();
  expect(await read()).toEqual(kept);
}
